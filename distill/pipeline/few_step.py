"""The stage of methods that go from the shrunk student to few steps at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from distill.data.corpus import split, with_motion
from distill.methods.cached.samples import Samples, sample_clips
from distill.methods.cached.training import CachedTraining
from distill.methods.consistency.training import ConsistencyTraining
from distill.methods.distribution_matching.training import DistributionMatching
from distill.methods.flow_map.training import FlowMapTraining
from distill.methods.taught import Taught
from distill.noise import MotionNoise
from distill.pipeline.build import Network, as_denoiser
from distill.pipeline.context import Context
from distill.pipeline.models import (
    guided,
    optimizer_options,
    save,
    stage_seed,
    taught_options,
    told_spans,
    unfrozen_copy,
)
from distill.pipeline.plan import ANY_STEPS, rounds
from distill.pipeline.runs import Stage
from distill.protocols import Denoiser
from distill.training.world import first_then_others
from distill.types import Conditions

SAMPLES = "samples.safetensors"


def train_few_step(context: Context, teacher: Network, shrunk: Network) -> None:
    """Train a copy of the shrunk student by `distill.method`, against the large teacher."""
    distill = context.config["distill"]
    method, steps = distill["method"], distill["export_steps"]
    stage = context.run.stage(method)
    if stage.complete:
        context.progress.skip(stage.name)
        return
    seed = stage_seed(context, 50)
    student = unfrozen_copy(shrunk, 1 / steps)
    if method in ("consistency", "flow_map"):
        student = told_spans(student)
    updates = context.budget[f"{method}_updates"]
    frozen, learner = guided(context, teacher), as_denoiser(student)
    optimizer = optimizer_options(distill[method]["lr"], distill["weight_decay"], updates)
    common = taught_options(context, frozen, learner, optimizer) | {
        "student": learner,
        "teacher": frozen,
        "space": context.space,
    }
    module = OBJECTIVES[method](Setting(context, stage, shrunk, common))
    calls = context.train(stage, module, updates=updates, seed=seed)
    parent = context.run.stage(rounds(context.config)[-1].name)
    any_steps = method in ANY_STEPS
    save(context, stage, student, steps=steps, calls=calls, parent=parent, any_steps=any_steps)


@dataclass(frozen=True)
class Setting:
    """What an objective is made from.

    Attributes:
        context: The run.
        stage: Where what it prepares is kept.
        shrunk: The student before this stage.
        common: Arguments of `Taught`.
    """

    context: Context
    stage: Stage
    shrunk: Network
    common: dict[str, Any]

    @property
    def distill(self) -> Mapping[str, Any]:
        """The `distill` group."""
        return self.context.config["distill"]


def _cached(setting: Setting) -> Taught:
    teacher = setting.common["teacher"].eval()
    samples = first_then_others(lambda: teacher_samples(setting.context, setting.stage, teacher))
    return CachedTraining(samples=samples, **setting.common)


def _consistency(setting: Setting) -> Taught:
    return ConsistencyTraining(
        grid_steps=setting.distill["start_steps"],
        segments=setting.distill["export_steps"],
        huber=setting.distill["consistency"]["huber"],
        **setting.common,
    )


def _distribution_matching(setting: Setting) -> Taught:
    return DistributionMatching(
        fake=as_denoiser(unfrozen_copy(setting.shrunk, 0.0)),
        steps=setting.distill["export_steps"],
        fake_ratio=setting.distill["distribution_matching"]["fake_ratio"],
        **setting.common,
    )


def _flow_map(setting: Setting) -> Taught:
    shares = {name: setting.distill["flow_map"][name] for name in ("anchor", "shortcut")}
    return FlowMapTraining(grid_steps=setting.distill["start_steps"], **shares, **setting.common)


OBJECTIVES: dict[str, Callable[[Setting], Taught]] = {
    "cached": _cached,
    "consistency": _consistency,
    "distribution_matching": _distribution_matching,
    "flow_map": _flow_map,
}


def teacher_samples(context: Context, stage: Stage, teacher: Denoiser) -> Samples:
    """Let the teacher speak every training clip once, with the clip's own persona."""
    clips, table = with_motion(split(context.corpus, "train")), context.table

    def hear(index: int) -> tuple[Conditions, int]:
        audio = torch.from_numpy(context.corpus.read(clips[index]).audio)[None]
        persona = None
        if table is not None:
            with torch.no_grad():
                persona = table.fuse(table.identity[index][None], table.emotion[index][None])
        return Conditions(audio=audio, persona=persona), clips[index].frames

    with context.progress.stage("samples", total=len(clips), unit="clip") as bar:
        return sample_clips(
            teacher,
            hear,
            len(clips),
            MotionNoise(context.space.noise.numpy()),
            steps=context.config["distill"]["start_steps"],
            path=stage.folder / SAMPLES,
            done=lambda count: bar.advance(count - bar.done),
        )
