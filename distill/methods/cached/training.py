"""Distillation on cached pairs as a LightningModule."""

from typing import Any

import torch
from torch import Tensor

from distill.diffusion.sampling import predict_x0
from distill.face.space import MotionSpace
from distill.methods.cached.samples import Samples
from distill.methods.taught import Taught
from distill.protocols import Denoiser
from distill.types import Batch


class CachedTraining(Taught):
    """Train `student` to give in one step what the teacher's sampler gave from the same noise.

    Args:
        student: Network that learns.
        teacher: Network that made the samples; it still says what it hears and expects.
        space: Motion space of the data.
        samples: What it made of the training clips.
        common: Arguments of `Taught`.
    """

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        space: MotionSpace,
        *,
        samples: Samples,
        **common: Any,
    ):
        super().__init__(student, teacher, space, **common)
        self.samples = samples

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Look up the pairs of the batch's windows and compare."""
        if batch.clip is None or batch.start is None:
            raise ValueError("cached pairs need batches that say where their windows lie")
        x = batch.motion
        pair = self.samples.windows(batch.clip.cpu(), batch.start.cpu(), x.shape[1])
        target, noise = (part.to(x) for part in pair)
        t = torch.ones(len(x)).to(x)
        cond, cond_teacher = self.prepared(batch)
        predicted = predict_x0(self.model, noise, t, cond, torch.zeros_like(t))
        return self.compared(batch, predicted, target, cond, cond_teacher)
