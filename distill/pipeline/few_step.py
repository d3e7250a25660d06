"""The stage of methods that go from the shrunk student to few steps at once."""

from distill.methods.consistency.training import ConsistencyTraining
from distill.methods.distribution_matching.training import DistributionMatching
from distill.methods.taught import Taught
from distill.pipeline.build import Network, as_denoiser
from distill.pipeline.context import Context
from distill.pipeline.models import (
    guided,
    optimizer_options,
    save,
    stage_seed,
    taught_options,
    unfrozen_copy,
)
from distill.pipeline.plan import rounds


def train_few_step(context: Context, teacher: Network, shrunk: Network) -> None:
    """Train a copy of the shrunk student by `distill.method`, against the large teacher."""
    distill = context.config["distill"]
    method, steps = distill["method"], distill["export_steps"]
    stage = context.run.stage(method)
    if stage.complete:
        context.progress.skip(stage.name)
        return
    seed = stage_seed(context, 50)
    student = unfrozen_copy(shrunk)
    updates = context.budget[f"{method}_updates"]
    module = _objective(context, student, teacher, shrunk, updates)
    calls = context.train(stage, module, updates=updates, seed=seed)
    parent = context.run.stage(rounds(context.config)[-1].name)
    save(context, stage, student, steps=steps, calls=calls, parent=parent)


def _objective(
    context: Context, student: Network, teacher: Network, shrunk: Network, updates: int
) -> Taught:
    distill = context.config["distill"]
    own = distill[distill["method"]]
    learner, frozen = as_denoiser(student), guided(context, teacher)
    optimizer = optimizer_options(own["lr"], distill["weight_decay"], updates)
    common = taught_options(context, frozen, learner, optimizer)
    if distill["method"] == "consistency":
        return ConsistencyTraining(
            learner,
            frozen,
            context.space,
            grid_steps=distill["start_steps"],
            segments=distill["export_steps"],
            huber=own["huber"],
            **common,
        )
    return DistributionMatching(
        learner,
        frozen,
        as_denoiser(unfrozen_copy(shrunk)),
        context.space,
        steps=distill["export_steps"],
        fake_ratio=own["fake_ratio"],
        **common,
    )
