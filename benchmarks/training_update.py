"""One update of a training stage on made-up data: what it computes, how long, how much memory."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from benchmarks.flops import count_flops
from benchmarks.speed import (
    MATMUL_SIZE,
    matmul_gflops,
    peak_memory_mb,
    speech_like_audio,
    time_calls,
)
from distill.audio.frames import sample_at
from distill.command import composed
from distill.data.corpus import Labels
from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.pipeline.build import build_denoiser
from distill.pipeline.context import Context
from distill.pipeline.models import run_rounds, save, train_teacher
from distill.pipeline.plan import MEAN, STUDENT_MEAN
from distill.pipeline.runs import RunDirectory, Stage
from distill.training.calls import ROLES
from distill.training.compiling import compiled_parts, networks_of
from distill.training.objective import Objective
from distill.training.progress import Progress
from distill.types import Batch, Clip, Conditions, Recording

STAGES = ("teacher", "round")
FPS = 30.0
REPEATS = 3
CUDA_MATMUL_SIZE = 8192


class Built(Exception):
    """Carries the module that a stage was about to train."""

    def __init__(self, module: Objective) -> None:
        super().__init__()
        self.module = module


class Untrained(Context):
    """A run whose stages hand over what they would train; means are left as they are built."""

    def train(self, stage: Stage, module: pl.LightningModule, **options: Any) -> dict[str, int]:
        """Stop before the first update that denoises."""
        assert isinstance(module, Objective)
        if stage.name not in (MEAN, STUDENT_MEAN):
            raise Built(module)
        return dict.fromkeys(ROLES, 0)


@dataclass(frozen=True, kw_only=True)
class NoCorpus:
    """A corpus without clips: networks are built from its sizes, batches are made up."""

    rig: str
    channels: tuple[str, ...]
    name: str = "none"
    fps: float = FPS
    clips: Sequence[Clip] = ()
    content_hash: str = ""

    def read(self, clip: Clip) -> Recording:
        """There is nothing to read."""
        raise KeyError(clip.id)


def build_stage(stage: str, options: Sequence[str]) -> tuple[Objective, Context]:
    """Return the module that the pipeline would train for a stage: the teacher or the first round.

    Args:
        stage: One of `STAGES`.
        options: Command-line words of `distill.run`, such as `teacher=tiny`.
    """
    with TemporaryDirectory() as folder:
        context = _context(options, Path(folder))
        try:
            if stage == "teacher":
                train_teacher(context)
            else:
                teacher = build_denoiser(
                    context.config["teacher"], context.space, context.persona_dim
                )
                save(context, context.run.stage("teacher"), teacher, steps=1, calls={})
                run_rounds(context, teacher)
        except Built as built:
            return built.module, context
    raise RuntimeError(f"stage {stage} trained nothing")


def made_up_batch(context: Context, batch_size: int, frames: int) -> Batch:
    """Return a batch of speech-like sound and random motion."""
    audio = torch.from_numpy(speech_like_audio(sample_at(frames, FPS) / 16_000))
    persons = torch.arange(batch_size)
    return Batch(
        motion=torch.randn(batch_size, frames, context.space.motion_dim),
        mask=torch.ones(batch_size, frames, dtype=torch.bool),
        speaker=persons,
        emotion=persons % 2,
        cond=Conditions(
            audio=audio.expand(batch_size, -1).clone(),
            persona=torch.randn(batch_size, context.persona_dim),
        ),
    )


def update_of(
    module: Objective, batch: Batch, *, device: str, bf16: bool
) -> Callable[[], Tensor | None]:
    """Return one whole update: losses, gradients, clipping, optimizer; waits for the device."""
    optimizer = module.configure_optimizers()["optimizer"]
    learning = [p for group in optimizer.param_groups for p in group["params"]]

    def update() -> None:
        half = torch.autocast(device, torch.bfloat16) if bf16 else contextlib.nullcontext()
        with half:
            loss = torch.stack(list(module.terms(batch).values())).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return update


def measure_update(
    stage: str,
    *,
    options: Sequence[str] = (),
    batch_size: int,
    seconds: float,
    limit_s: float = 2.0,
    device: str = "cpu",
    bf16: bool = False,
    compiled: bool = False,
) -> dict[str, Any]:
    """Measure updates of a stage; call it in a process of its own, whose peak memory it reports.

    Args:
        stage: One of `STAGES`.
        options: Command-line words of `distill.run`.
        batch_size: Windows in a batch.
        seconds: Length of each window.
        limit_s: Time to fill; at least three updates are timed whatever it says.
        device: `cpu` or `cuda`.
        bf16: Whether networks and losses run under bfloat16 autocast.
        compiled: Whether the networks are compiled.

    Returns:
        `update_s`, median seconds of an update; `gflop`, its operations; `peak_mb`, the most
        memory held; `peak_gflops`, what matrix products reach right after, in the same process.

    Raises:
        UserError: There is no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device cuda is not available here; measure on cpu")
    module, context = build_stage(stage, options)
    batch = made_up_batch(context, batch_size, round(seconds * FPS)).to(device)
    update = update_of(module.to(device), batch, device=device, bf16=bf16)
    flops = count_flops(update)
    with compiled_parts(networks_of(module) if compiled else []):
        update_s = float(np.median(time_calls(update, repeats=REPEATS, limit_s=limit_s))) / 1000
    on_gpu = device == "cuda"
    peak_mb = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else peak_memory_mb()
    kind = torch.bfloat16 if bf16 else torch.float32
    return {
        "update_s": update_s,
        "gflop": flops / 1e9,
        "peak_mb": peak_mb,
        "peak_gflops": matmul_gflops(CUDA_MATMUL_SIZE if on_gpu else MATMUL_SIZE, device, kind),
    }


def _context(options: Sequence[str], folder: Path) -> Untrained:
    config = composed([*options, "budget=smoke"])
    rig = load_rig("arkit")
    return Untrained(
        config=config,
        run=RunDirectory(folder),
        progress=Progress(),
        corpus=NoCorpus(rig="arkit", channels=tuple(rig.channels)),
        space=MotionSpace.identity(rig, FPS),
        labels=Labels(speakers=("one", "two"), emotions=("calm", "glad")),
    )
