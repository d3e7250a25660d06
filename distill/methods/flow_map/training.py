"""Flow-map distillation as a LightningModule."""

from typing import Any

import torch
from torch import Tensor

from distill.diffusion.sampling import predict_x0
from distill.face.space import MotionSpace
from distill.methods.flow_map.targets import (
    drawn_jump,
    mean_velocity_target,
    shortcut_target,
    single_step_target,
)
from distill.methods.taught import Taught
from distill.protocols import Denoiser
from distill.training.denoising import snr_weight
from distill.training.rows import stratified, uniform
from distill.types import Batch


class FlowMapTraining(Taught):
    """Train `student` to jump along the teacher's trajectories from any time to any earlier one.

    Every update asks for one of three laws: a step of the teacher's own length is the teacher's
    (the anchor), a step is two of half its length, and its mean velocity obeys the identity.

    Args:
        student: Network that is told how far it jumps.
        teacher: Network whose trajectories are followed.
        space: Motion space of the data.
        grid_steps: Steps of the teacher's grid, on which times are drawn; a power of two.
        anchor: Share of updates on the anchor.
        shortcut: Share of updates on the second law; the rest is on the third.
        common: Arguments of `Taught`.
    """

    def __init__(
        self,
        student: Denoiser,
        teacher: Denoiser,
        space: MotionSpace,
        *,
        grid_steps: int,
        anchor: float,
        shortcut: float,
        **common: Any,
    ):
        super().__init__(student, teacher, space, **common)
        self.grid_steps, self.anchor, self.shortcut = grid_steps, anchor, shortcut

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Draw a law, a time and where to jump; build the target; compare."""
        law, rows = float(torch.rand(())), len(batch.motion)
        anchored = law < self.anchor
        least = 1 if anchored else 2
        u, v = stratified(rows).to(batch.motion), uniform(rows).to(batch.motion)
        t, s = drawn_jump(u, v, self.grid_steps, least)
        if anchored:
            s = t - 1 / self.grid_steps
        z = self.noised(batch.motion, t)
        cond, cond_teacher = self.prepared(batch)
        if anchored:
            target = single_step_target(self.teacher, z, t, cond_teacher)
        elif law < self.anchor + self.shortcut:
            target = shortcut_target(self.model, z, t, s, cond)
        else:
            target = mean_velocity_target(
                self.model, self.teacher, z, t, s, cond, cond_teacher, step=1 / self.grid_steps
            )
        predicted = predict_x0(self.model, z, t, cond, s)
        weight = snr_weight(self.model.schedule, t, self.weights.snr_limit)
        return self.compared(batch, predicted, target, cond, cond_teacher, weight)
