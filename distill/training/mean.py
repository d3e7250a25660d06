"""Training the mean motion that a denoiser expects, before it learns to denoise what is left."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from distill.face.space import MotionSpace
from distill.networks.conditioned import ConditionedDenoiser
from distill.training.denoising import drop_conditions
from distill.training.losses import LossWeights, MotionLoss
from distill.training.objective import Objective
from distill.types import Batch


class MeanTraining(Objective):
    """Train what depends on neither noise nor step to say the motion that sound lets expect.

    Such an update costs half of one that denoises. Both at once learn worse: a trunk whose
    gradients are clipped with those of the mean learned no blinks.

    Args:
        model: A denoiser with a mean; its trunk is left alone.
        space: Motion space of the data.
        optimizer: Arguments of `distill.training.optim.configure`.
        losses: Weights of the loss terms.
        drop_audio: Probability that a sample is trained without audio.
        drop_persona: Probability that a sample is trained without persona.
    """

    model: ConditionedDenoiser

    def __init__(
        self,
        model: ConditionedDenoiser,
        space: MotionSpace,
        *,
        optimizer: Mapping[str, Any],
        losses: LossWeights,
        drop_audio: float = 0.05,
        drop_persona: float = 0.1,
    ):
        super().__init__(model.learn("conditions"), optimizer)
        self.loss = MotionLoss(space, losses)
        self.drop_audio, self.drop_persona = drop_audio, drop_persona

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """No network is called."""
        return {}

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Compare what is expected with real motion."""
        raw = drop_conditions(batch.cond, len(batch.motion), self.drop_audio, self.drop_persona)
        return self.loss(self._mean(batch, raw), batch.motion, batch.mask)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure the same on unseen sentences."""
        mean = self._mean(batch, batch.cond)
        terms = self.loss(mean, batch.motion, batch.mask)
        self.log_validation(terms, mean, batch.motion, batch.mask)

    def _mean(self, batch: Batch, raw: Any) -> Tensor:
        mean = self.model.prepare(raw, batch.motion.shape[1]).mean
        assert isinstance(mean, torch.Tensor)
        return mean
