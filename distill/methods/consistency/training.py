"""Consistency distillation as a LightningModule."""

from typing import Any

from torch import Tensor

from distill.diffusion.sampling import predict_x0
from distill.face.space import MotionSpace
from distill.methods.consistency.targets import (
    consistency_target,
    huber_weight,
    segment_start,
)
from distill.methods.taught import Taught, grid_times
from distill.protocols import Denoiser
from distill.training.denoising import snr_weight
from distill.training.rows import stratified
from distill.types import Batch


class ConsistencyTraining(Taught):
    """Train `student` to land, from anywhere in a segment, where the teacher's trajectory does.

    Args:
        student: Network that learns, and without gradient its own target.
        teacher: Network that makes the step between neighbouring times.
        space: Motion space of the data.
        grid_steps: Steps of the teacher's grid, on which times are drawn.
        segments: Sampler steps of the student; divides `grid_steps`. 1 is the plain method.
        huber: Distance (in deviations of the motion) where errors stop to count quadratically.
        common: Arguments of `Taught`.
    """

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        space: MotionSpace,
        *,
        grid_steps: int,
        segments: int,
        huber: float,
        **common: Any,
    ):
        super().__init__(student, teacher, space, **common)
        self.grid_steps, self.segments, self.huber = grid_steps, segments, huber

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Draw a time of the teacher's grid, build the target, compare."""
        x = batch.motion
        t = grid_times(stratified(len(x)), self.grid_steps, self.time_power).to(x)
        z = self.noised(x, t)
        cond, cond_teacher = self.prepared(batch)
        target = consistency_target(
            self.model,
            self.teacher,
            z,
            t,
            cond,
            cond_teacher,
            steps=self.grid_steps,
            segments=self.segments,
        )
        s = segment_start(t, self.grid_steps, self.segments)
        predicted = predict_x0(self.model, z, t, cond, s)
        weight = snr_weight(self.model.schedule, t, self.weights.snr_limit)
        weight = weight * huber_weight(predicted, target, batch.mask, self.huber)
        return self.compared(batch, predicted, target, cond, cond_teacher, weight)
