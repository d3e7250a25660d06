"""One distillation round as a LightningModule: a student against one frozen teacher."""

from typing import Any

import torch
from torch import Tensor

from distill.diffusion.sampling import ddim_step, predict_x0
from distill.face.space import MotionSpace
from distill.methods.progressive.plan import Round
from distill.methods.progressive.targets import one_step_target, two_step_target
from distill.methods.taught import Taught, grid_times
from distill.protocols import Denoiser
from distill.training.denoising import noised, snr_weight
from distill.training.rows import drawn_noise, stratified, uniform
from distill.types import Batch, Conditions


class DistillationRound(Taught):
    """Train `student` to do in one step what the frozen `teacher` does in one or two.

    Args:
        student: Network that learns.
        teacher: Network that does not.
        round_: Step counts of both.
        space: Motion space of the data.
        on_policy: Share of samples whose noisy motion the student's own step before led to, as
            when it is used (the backward simulation of DMD2, arXiv 2405.14867, one step deep).
        common: Arguments of `Taught`.
    """

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        round_: Round,
        space: MotionSpace,
        *,
        on_policy: float = 0.0,
        **common: Any,
    ):
        halving = round_.teacher_steps > round_.student_steps
        super().__init__(student, teacher, space, truth=not halving, **common)
        self.steps, self.halving = round_.student_steps, halving
        self.on_policy = on_policy

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Draw a student time, build the target, compare."""
        x = batch.motion
        t = grid_times(stratified(len(x)), self.steps, self.time_power).to(x)
        cond, cond_teacher = self.prepared(batch)
        z = self._noisy(x, t, cond)
        target = self._target(z, t, cond_teacher)
        predicted = predict_x0(self.model, z, t, cond)
        snr = snr_weight(self.model.schedule, t, self.weights.snr_limit)
        return self.compared(batch, predicted, target, cond, cond_teacher, snr)

    @torch.no_grad()
    def _noisy(self, x: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        """Return real motion noised to `t`, in part through the student's step before `t`."""
        before = (t + 1.0 / self.steps).clamp(max=1.0)
        led = (uniform(len(x)).to(x) < self.on_policy) & (before > t)
        noise = drawn_noise(x, self.space.noise)
        z = noised(self.model, x, t, noise)
        if not led.any():
            return z
        z_before = noised(self.model, x, before, noise)
        x_before = predict_x0(self.model, z_before, before, cond)
        own = ddim_step(z_before, x_before, before, t, self.model.schedule)
        return torch.where(led[:, None, None], own, z)

    def _target(self, z: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        if self.halving:
            return two_step_target(self.teacher, z, t, self.steps, cond)
        return one_step_target(self.teacher, z, t, cond)
