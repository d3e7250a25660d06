"""Plain output regression: the student's own network trained to say the motion in one call.

The baseline that distillation has to justify itself against: no noise, no teacher, no diversity.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill.diffusion.sampling import predict_x0
from distill.face.space import MotionSpace
from distill.protocols import Denoiser
from distill.training.losses import LossWeights, MotionLoss
from distill.training.objective import Objective
from distill.types import Batch


class RegressionTraining(Objective):
    """Train `model` at t = 1 with zero in place of noise, on real motion.

    Args:
        model: A denoiser whose prediction is x0.
        space: Motion space of the data.
        losses: Weights of the loss terms.
        optimizer: Arguments of `distill.training.optim.configure`.
    """

    model: Denoiser

    def __init__(
        self,
        model: Denoiser,
        space: MotionSpace,
        *,
        losses: LossWeights,
        optimizer: Mapping[str, Any],
    ):
        super().__init__(model.requires_grad_(True), optimizer)
        self.loss = MotionLoss(space, losses)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Predict motion from audio and persona alone."""
        return self.loss(self._predict(batch), batch.motion, batch.mask)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure the same terms on unseen sentences."""
        predicted = self._predict(batch)
        terms = self.loss(predicted, batch.motion, batch.mask)
        self.log_validation(terms, predicted, batch.motion, batch.mask)

    def _predict(self, batch: Batch) -> Tensor:
        x = batch.motion
        cond = self.model.prepare(batch.cond, x.shape[1])
        z, t = torch.zeros_like(x), torch.ones(len(x)).to(x)
        return predict_x0(self.model, z, t, cond)
