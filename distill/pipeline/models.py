"""The model stages: teacher, rounds, regression baseline, and the student that is handed over."""

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.artifact import WEIGHTS, file_digest, load_artifact
from distill.diffusion.guidance import GuidedDenoiser
from distill.methods.progressive.plan import HalvingPlan, Round
from distill.methods.progressive.round import DistillationRound, RoundWeights
from distill.methods.regression import RegressionTraining
from distill.pipeline.build import (
    Network,
    as_denoiser,
    build_denoiser,
    build_enhancer,
    loss_weights,
    save_model,
)
from distill.pipeline.context import Context
from distill.pipeline.runs import Stage
from distill.protocols import Denoiser
from distill.training.denoising import DenoisingTraining

REGRESSION_STEPS = 1


def train_teacher(context: Context) -> Network:
    """Train the teacher on the corpus, or reload it."""
    options, stage = context.config["teacher"], context.run.stage("teacher")
    if stage.complete:
        return _reload(context, stage)
    network = build_denoiser(options, context.space, context.persona_dim)
    updates = context.budget["teacher_updates"]
    training = options["training"]
    module = DenoisingTraining(
        as_denoiser(network),
        context.space,
        optimizer=_optimizer(training["lr"], training["weight_decay"], updates),
        losses=loss_weights(training["losses"]),
        drop_audio=training["drop_audio"],
        drop_persona=training["drop_persona"],
        time_power=training["time_power"],
    )
    context.train(stage, module, updates=updates, seed=context.config["seed"] * 100 + 2)
    _save(context, stage, network, steps=context.config["distill"]["start_steps"], any_steps=True)
    return network


def run_rounds(context: Context, teacher: Network) -> None:
    """Execute the plan; the student of each round is promoted to teacher of the next."""
    distill = context.config["distill"]
    plan = HalvingPlan(distill["start_steps"], distill["end_steps"], distill["order"])
    parent = context.run.stage("teacher")
    for round_ in plan:
        stage = context.run.stage(round_.name)
        if stage.complete:
            student = _reload(context, stage)
        else:
            student = _train_round(context, stage, round_, teacher, parent)
        teacher, parent = student, stage


def _train_round(
    context: Context, stage: Stage, round_: Round, teacher: Network, parent: Stage
) -> Network:
    distill, space = context.config["distill"], context.space
    if round_.shrink:
        student = build_denoiser(context.config["student"], space, context.persona_dim)
    else:
        student = copy.deepcopy(teacher)
        student.module.requires_grad_(True)
    budget = context.budget
    updates = budget["shrink_updates"] if round_.shrink else budget["round_updates"]
    lr = distill["shrink_lr"] if round_.shrink else distill["round_lr"]
    frozen: Denoiser = as_denoiser(teacher)
    if round_.shrink and context.config["teacher"]["guidance"] != 1.0:
        frozen = GuidedDenoiser(frozen, context.config["teacher"]["guidance"])
    weights = RoundWeights(**distill["weights"])
    module = DistillationRound(
        as_denoiser(student),
        frozen,
        round_,
        space,
        weights=weights,
        losses=loss_weights(distill["losses"]),
        enhancer=build_enhancer(context.config, space, frozen, as_denoiser(student)),
        optimizer=_optimizer(lr, distill["weight_decay"], updates),
        time_power=distill["time_power"],
    )
    seed = context.config["seed"] * 100 + 10 + round_.index
    context.train(stage, module, updates=updates, seed=seed)
    _save(context, stage, student, steps=round_.student_steps, parent=parent)
    return student


def train_regression(context: Context) -> None:
    """Train the student's network as a plain regression, for as many updates as all rounds."""
    stage = context.run.stage("regression")
    if stage.complete:
        context.progress.skip(stage.name)
        return
    distill = context.config["distill"]
    network = build_denoiser(context.config["student"], context.space, context.persona_dim)
    updates = context.budget["regression_updates"]
    module = RegressionTraining(
        as_denoiser(network),
        context.space,
        losses=loss_weights(distill["losses"]),
        optimizer=_optimizer(distill["shrink_lr"], distill["weight_decay"], updates),
    )
    seed = context.config["seed"] * 100 + 3
    context.train(stage, module, updates=updates, seed=seed)
    _save(context, stage, network, steps=REGRESSION_STEPS, noise=0.0)


def hand_over(context: Context) -> Path:
    """Copy the chosen round (or the regression) to `student/`, weights first, manifest last."""
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


def chosen_stage(config: Mapping[str, Any]) -> str:
    """Return the stage whose model becomes `student/`."""
    distill = config["distill"]
    if distill["method"] == "regression":
        return "regression"
    plan = HalvingPlan(distill["start_steps"], distill["end_steps"], distill["order"])
    return next(r.name for r in plan if r.student_steps == distill["export_steps"])


def _optimizer(lr: float, weight_decay: float, updates: int) -> dict:
    return {
        "lr": lr,
        "weight_decay": weight_decay,
        "updates": updates,
        "warmup": min(50, updates // 10),
    }


def _save(
    context: Context,
    stage: Stage,
    network: Network,
    *,
    steps: int,
    any_steps: bool = False,
    noise: float = 1.0,
    parent: Stage | None = None,
) -> None:
    network.module.eval().requires_grad_(False)
    save_model(
        stage.folder,
        network,
        context.space,
        context.personas,
        name=stage.name,
        steps=steps,
        any_steps=any_steps,
        noise=noise,
        guidance=context.config["teacher"]["guidance"] if any_steps else 1.0,
        provenance=context.provenance(
            "" if parent is None else file_digest(parent.folder / WEIGHTS)
        ),
    )
    stage.finish({"steps": steps, "sha256": file_digest(stage.folder / WEIGHTS)})


def _reload(context: Context, stage: Stage) -> Network:
    context.progress.skip(stage.name)
    opened = load_artifact(stage.folder)
    spec = opened.config["modules"]["denoiser"]
    return Network(family=spec["family"], kwargs=spec["kwargs"], module=opened.modules["denoiser"])
