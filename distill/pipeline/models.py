"""The model stages: teacher, rounds, regression baseline, and the student that is handed over."""

import copy
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from distill.artifact import CONFIG, WEIGHTS, build_family, file_digest, load_artifact
from distill.diffusion.guidance import GuidedDenoiser
from distill.methods.mean import TaughtMean
from distill.methods.progressive.plan import Round
from distill.methods.progressive.round import DistillationRound
from distill.methods.regression import RegressionTraining
from distill.methods.taught import RoundWeights
from distill.networks.conditioned import ConditionedDenoiser
from distill.pipeline.build import (
    Network,
    as_denoiser,
    build_denoiser,
    build_enhancer,
    loss_weights,
    save_model,
)
from distill.pipeline.context import Context
from distill.pipeline.plan import MEAN, STUDENT_MEAN, chosen_stage, rounds
from distill.pipeline.runs import Stage
from distill.protocols import Denoiser
from distill.storage import read_json
from distill.training.denoising import DenoisingTraining
from distill.training.mean import MeanTraining
from distill.training.seeding import seed_global_generators
from distill.training.sharded import is_sharded, whole_state
from distill.training.world import on_first

BASELINE, REGRESSION_STEPS = "regression", 1


def train_mean(context: Context) -> Network:
    """Train the mean that the teacher expects, or reload it; without one it is only built."""
    options, stage = context.config["teacher"], context.run.stage(MEAN)
    if stage.complete:
        return reload(context, stage)
    seed = stage_seed(context, 4)
    network = build_denoiser(options, context.space, context.persona_dim)
    if not expects(network):
        return network
    updates, training = context.budget["mean_updates"], options["training"]
    module = MeanTraining(
        network.module,  # type: ignore[arg-type]
        context.space,
        optimizer=optimizer_options(training["mean_lr"], training["weight_decay"], updates),
        losses=loss_weights(training["losses"]),
        drop_audio=training["drop_audio"],
        drop_persona=training["drop_persona"],
    )
    calls = context.train(stage, module, updates=updates, seed=seed)
    network = gathered(context, options, network)
    save(context, stage, network, steps=1, calls=calls, noise=0.0)
    return network


def train_teacher(context: Context) -> Network:
    """Train the teacher on the corpus, or reload it."""
    options, stage = context.config["teacher"], context.run.stage("teacher")
    if stage.complete:
        return reload(context, stage)
    network = train_mean(context)
    seed = stage_seed(context, 2)
    updates = context.budget["teacher_updates"]
    training = options["training"]
    module = DenoisingTraining(
        as_denoiser(network),
        context.space,
        optimizer=optimizer_options(training["lr"], training["weight_decay"], updates),
        losses=loss_weights(training["losses"]),
        drop_audio=training["drop_audio"],
        drop_persona=training["drop_persona"],
        time_power=training["time_power"],
        snr_limit=training["snr_limit"],
        noises=training["noises"],
    )
    clips = max(context.budget["batch_size"] // training["noises"], 1)
    calls = context.train(stage, module, updates=updates, seed=seed, clips=clips)
    network = gathered(context, options, network)
    steps = context.config["distill"]["start_steps"]
    save(context, stage, network, steps=steps, calls=calls, any_steps=True)
    return network


def gathered(context: Context, options: Mapping[str, Any], network: Network) -> Network:
    """Return the network with whole weights where its training sharded them."""
    if not is_sharded(network.module):
        return network
    state = whole_state(network.module)
    network = build_denoiser(options, context.space, context.persona_dim)
    network.module.load_state_dict(state)
    return network


def expects(network: Network) -> bool:
    """Return whether the network has a mean that is trained before the rest."""
    return isinstance(network.module, ConditionedDenoiser) and network.module.residual


def start_student(context: Context, teacher: Network) -> Network:
    """Return the student as it is before the first round: it hears and expects, if it can."""
    stage = context.run.stage(STUDENT_MEAN)
    if stage.complete:
        return reload(context, stage)
    seed = stage_seed(context, 5)
    student = build_denoiser(context.config["student"], context.space, context.persona_dim)
    if not (expects(student) and expects(teacher)):
        return student
    take_left(student, teacher)
    distill, updates = context.config["distill"], context.budget["student_mean_updates"]
    frozen, learner = guided(context, teacher), as_denoiser(student)
    optimizer = optimizer_options(distill["mean_lr"], distill["weight_decay"], updates)
    options = taught_options(context, frozen, learner, optimizer)
    module = TaughtMean(learner, frozen, context.space, **options)  # type: ignore[arg-type]
    calls = context.train(stage, module, updates=updates, seed=seed)
    parent = context.run.stage("teacher")
    save(context, stage, student, steps=1, calls=calls, noise=0.0, parent=parent)
    return student


def run_rounds(context: Context, teacher: Network) -> Network:
    """Execute the plan; each round's student teaches the next. Returns the last student."""
    parent = context.run.stage("teacher")
    fresh = start_student(context, teacher) if rounds(context.config) else None
    for round_ in rounds(context.config):
        stage = context.run.stage(round_.name)
        if stage.complete:
            student = reload(context, stage)
        else:
            student = _train_round(context, stage, round_, teacher, parent, fresh)
        teacher, parent = student, stage
    return teacher


def _train_round(
    context: Context,
    stage: Stage,
    round_: Round,
    teacher: Network,
    parent: Stage,
    fresh: Network | None,
) -> Network:
    distill, seed = context.config["distill"], stage_seed(context, 10 + round_.index)
    span = 0.0 if round_.teacher_steps == round_.student_steps else 1 / round_.student_steps
    student = unfrozen_copy(fresh if round_.shrink and fresh is not None else teacher, span)
    optimizer = _round_optimizer(context, round_)
    frozen = as_denoiser(teacher) if not round_.shrink else guided(context, teacher)
    module = DistillationRound(
        as_denoiser(student),
        frozen,
        round_,
        context.space,
        on_policy=0.0 if round_.shrink else distill["on_policy"],
        **taught_options(context, frozen, as_denoiser(student), optimizer),
    )
    calls = context.train(stage, module, updates=optimizer["updates"], seed=seed)
    save(context, stage, student, steps=round_.student_steps, calls=calls, parent=parent)
    return student


def _round_optimizer(context: Context, round_: Round) -> dict[str, Any]:
    """Return the optimizer of a round: all rounds together decay along one cosine."""
    distill = context.config["distill"]
    updates = [
        context.budget["shrink_updates" if each.shrink else "round_updates"]
        for each in rounds(context.config)
    ]
    before, own, after = updates[: round_.index], updates[round_.index], updates[round_.index + 1 :]
    options = optimizer_options(distill["lr"], distill["weight_decay"], own)
    return {**options, "before": sum(before), "after": sum(after)}


def stage_seed(context: Context, number: int) -> int:
    """Return the seed of a stage, and seed with it what is built there: a stage starts alike
    whether or not the process that runs it has run others before.
    """
    seed = context.config["seed"] * 100 + number
    seed_global_generators(seed)
    return seed


def guided(context: Context, teacher: Network) -> Denoiser:
    """Return the teacher as students learn from it: with its guidance folded in."""
    scale = context.config["teacher"]["guidance"]
    return as_denoiser(teacher) if scale == 1.0 else GuidedDenoiser(as_denoiser(teacher), scale)


def unfrozen_copy(network: Network, span: float) -> Network:
    """Return a copy that learns, for steps of length `span`."""
    copied = copy.deepcopy(network)
    copied.module.requires_grad_(True)
    return stepping(copied, span)


def stepping(network: Network, span: float) -> Network:
    """Return the network as one that is made for steps of length `span` in time."""
    if not isinstance(network.module, ConditionedDenoiser):
        return network
    network.module.span = span
    return replace(network, kwargs=network.kwargs | {"span": span})


def told_spans(network: Network) -> Network:
    """Return the network as one that is told how far each step goes; it starts as it was."""
    kwargs = network.kwargs | {"any_span": True}
    module = build_family(network.family, kwargs)
    before = module.state_dict()
    module.load_state_dict(before | network.module.state_dict())
    return Network(family=network.family, kwargs=kwargs, module=module)


def take_left(student: Network, teacher: Network) -> None:
    """Let a student know what sound and persona leave open, as its teacher measured it."""
    modules = student.module, teacher.module
    if all(isinstance(module, ConditionedDenoiser) for module in modules):
        modules[0].left.copy_(modules[1].left)  # type: ignore[union-attr]


def taught_options(
    context: Context, teacher: Denoiser, student: Denoiser, optimizer: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of `distill.methods.taught.Taught` that a config gives."""
    distill = context.config["distill"]
    return {
        "weights": RoundWeights(**distill["weights"]),
        "losses": loss_weights(distill["losses"]),
        "enhancer": build_enhancer(context.config, context.space, teacher, student),
        "optimizer": optimizer,
        "time_power": distill["time_power"],
    }


def train_regression(context: Context) -> None:
    """Train the student's network as a plain regression, for as many updates as all rounds."""
    stage = context.run.stage(BASELINE)
    if stage.complete:
        context.progress.skip(stage.name)
        return
    distill, seed = context.config["distill"], stage_seed(context, 3)
    network = build_denoiser(context.config["student"], context.space, context.persona_dim)
    updates = context.budget["regression_updates"]
    module = RegressionTraining(
        as_denoiser(network),
        context.space,
        losses=loss_weights(distill["losses"]),
        optimizer=optimizer_options(distill["mean_lr"], distill["weight_decay"], updates),
    )
    calls = context.train(stage, module, updates=updates, seed=seed)
    save(context, stage, network, steps=REGRESSION_STEPS, calls=calls, noise=0.0)


def hand_over(context: Context) -> Path:
    """Copy the chosen model to `student/`, weights first, manifest last."""
    stage = context.run.stage("student")
    if stage.complete:
        context.progress.skip(stage.name)
        return stage.folder
    source = context.run.stage(chosen_stage(context.config))
    stage.folder.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, "config.json"):
        shutil.copyfile(source.folder / name, stage.folder / name)
    stage.finish({"from": source.name, "sha256": file_digest(stage.folder / WEIGHTS)})
    return stage.folder


def optimizer_options(lr: float, weight_decay: float, updates: int) -> dict[str, Any]:
    """Return the arguments of `distill.training.optim.configure` of any stage."""
    return {
        "lr": lr,
        "weight_decay": weight_decay,
        "updates": updates,
        "warmup": min(50, updates // 10),
    }


def save(
    context: Context,
    stage: Stage,
    network: Network,
    *,
    steps: int,
    calls: Mapping[str, int],
    any_steps: bool = False,
    noise: float = 1.0,
    parent: Stage | None = None,
) -> None:
    """Freeze a trained network, write its model folder, and complete its stage.

    `calls` are the stage's own; the model's provenance adds those of the students before it.
    """
    network.module.eval().requires_grad_(False)

    def write() -> None:
        digest = "" if parent is None else file_digest(parent.folder / WEIGHTS)
        save_model(
            stage.folder,
            network,
            context.space,
            context.personas,
            name=stage.name,
            steps=steps,
            any_steps=any_steps,
            noise=noise,
            guidance=context.config["teacher"]["guidance"] if parent is None and any_steps else 1.0,
            provenance=context.provenance(digest) | {"calls": _with_parents(calls, parent)},
        )
        own = file_digest(stage.folder / WEIGHTS)
        stage.finish({"steps": steps, "sha256": own, "calls": dict(calls)})

    on_first(write)


def _with_parents(calls: Mapping[str, int], parent: Stage | None) -> dict[str, int]:
    if parent is None or parent.name in ("teacher", STUDENT_MEAN):
        return dict(calls)
    before = read_json(parent.folder / CONFIG)["provenance"]["calls"]
    return {role: count + before[role] for role, count in calls.items()}


def reload(context: Context, stage: Stage) -> Network:
    """Return the network of a complete stage."""
    context.progress.skip(stage.name)
    opened = load_artifact(stage.folder)
    spec = opened.config["modules"]["denoiser"]
    return Network(family=spec["family"], kwargs=spec["kwargs"], module=opened.modules["denoiser"])
