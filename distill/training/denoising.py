"""Training a denoiser on real motion: what every teacher goes through."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import block_sample, predict_x0
from distill.face.space import MotionSpace
from distill.protocols import BlockDenoiser, Denoiser
from distill.training.losses import LossWeights, MotionLoss
from distill.training.objective import Objective
from distill.training.rows import normal, uniform
from distill.training.sharded import shard
from distill.types import Batch, Conditions


def noised(
    model: Denoiser,
    motion: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    noise: Float[Tensor, "B F D"],
) -> Float[Tensor, "B F D"]:
    """Return z_t = alpha_t x + sigma_t eps."""
    alpha, sigma = (expand(c, motion) for c in model.schedule.alpha_sigma(t))
    return alpha * motion + sigma * noise


def first_step(model: Denoiser, batch: Batch, *, seed: int) -> Float[Tensor, "B F D"]:
    """Return the x0 that `model` predicts from pure noise under the batch's conditions."""
    x = batch.motion
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    cond = model.prepare(batch.cond, x.shape[1])
    if isinstance(model, BlockDenoiser):
        return block_sample(model, noise, cond, [(1.0, 0.0)])
    return predict_x0(model, noise, torch.ones(len(x)).to(x), cond)


def drop_conditions(cond: Conditions, batch: int, audio: float, persona: float) -> Conditions:
    """Mark each sample's audio and persona as dropped with the given probabilities."""
    keep_audio, keep_persona = uniform(batch) >= audio, uniform(batch) >= persona
    like = cond.audio if cond.audio is not None else cond.persona
    if like is None:
        return cond
    return replace(
        cond, audio_keep=keep_audio.float().to(like), persona_keep=keep_persona.float().to(like)
    )


class DenoisingTraining(Objective):
    """Train `model` to recover motion from noise at every time.

    Args:
        model: The denoiser.
        space: Motion space of the data.
        optimizer: Arguments of `distill.training.optim.configure`.
        losses: Weights of the loss terms.
        drop_audio: Probability that a sample is trained without audio.
        drop_persona: Probability that a sample is trained without persona.
        time_power: Times are 1 - u^p for uniform u: above 1 favours high noise, where speech
            decides most.
    """

    model: Denoiser

    def __init__(
        self,
        model: Denoiser,
        space: MotionSpace,
        *,
        optimizer: Mapping[str, Any],
        losses: LossWeights,
        drop_audio: float = 0.05,
        drop_persona: float = 0.1,
        time_power: float = 1.0,
    ):
        super().__init__(model, optimizer)
        self.loss = MotionLoss(space, losses)
        self.drop_audio, self.drop_persona = drop_audio, drop_persona
        self.time_power = time_power

    def configure_model(self) -> None:
        """Shard the network where the strategy asks for it."""
        if self.device_mesh is not None:
            shard(self.model, self.device_mesh["data_parallel"], ("prepare",))

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return whose calls are counted: what learns here is to teach."""
        return {"teacher": (self.model,)}

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Draw times and noise, predict, compare."""
        x = batch.motion
        t = 1 - 0.98 * uniform(len(x)).to(x) ** self.time_power
        z = noised(self.model, x, t, normal(x.shape).to(x))
        cond = self.model.prepare(batch.cond, x.shape[1])
        cond = drop_conditions(cond, len(x), self.drop_audio, self.drop_persona)
        return self.loss(predict_x0(self.model, z, t, cond), x, batch.mask)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure what one step from pure noise already recovers."""
        predicted = first_step(self.model, batch, seed=batch_idx)
        terms = self.loss(predicted, batch.motion, batch.mask)
        self.log_validation(terms, predicted, batch.motion, batch.mask)
