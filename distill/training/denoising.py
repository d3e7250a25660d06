"""Training a denoiser on real motion: what every teacher goes through."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from distill.diffusion.filters import colored
from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import predict_x0
from distill.diffusion.schedule import Schedule
from distill.face.space import MotionSpace
from distill.networks.conditioned import ConditionedDenoiser
from distill.protocols import Denoiser
from distill.training.losses import LossWeights, MotionLoss
from distill.training.objective import Objective
from distill.training.rows import drawn_noise, over_processes, stratified, uniform
from distill.training.sharded import shard
from distill.types import Batch, Conditions

LOWEST_TIME = 0.02
"""Less noise than this teaches nothing: the answer stands in the noisy motion."""


def noised(
    model: Denoiser,
    motion: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    noise: Float[Tensor, "B F D"],
) -> Float[Tensor, "B F D"]:
    """Return z_t = alpha_t x + sigma_t eps."""
    alpha, sigma = (expand(c, motion) for c in model.schedule.alpha_sigma(t))
    return alpha * motion + sigma * noise


def snr_weight(schedule: Schedule, t: Float[Tensor, " B"], limit: float) -> Float[Tensor, " B"]:
    """Truncated signal-to-noise weight min(max(alpha^2 / sigma^2, 1), limit)."""
    alpha, sigma = schedule.alpha_sigma(t)
    return (alpha / sigma).square().clamp(min=1.0, max=limit)


def first_step(
    model: Denoiser, batch: Batch, space: MotionSpace, *, seed: int
) -> Float[Tensor, "B F D"]:
    """Return the x0 that `model` predicts from pure noise under the batch's conditions."""
    x, generator = batch.motion, torch.Generator().manual_seed(seed)
    rows, frames, channels = x.shape
    white = torch.randn(rows, frames + len(space.noise) - 1, channels, generator=generator)
    noise = colored(white, space.noise.cpu()).to(x)
    cond = model.prepare(batch.cond, frames)
    return predict_x0(model, noise, torch.ones(rows).to(x), cond)


def drop_conditions(cond: Conditions, batch: int, audio: float, persona: float) -> Conditions:
    """Mark each sample's audio and persona as dropped with the given probabilities."""
    keep_audio, keep_persona = uniform(batch) >= audio, uniform(batch) >= persona
    like = next((v for v in (cond.audio, cond.features, cond.persona) if v is not None), None)
    if like is None:
        return cond
    device = like.device
    return replace(
        cond, audio_keep=keep_audio.float().to(device), persona_keep=keep_persona.float().to(device)
    )


def trunk_alone(model: Denoiser) -> Denoiser:
    """Return the model with its trunk alone learning, if it has a mean that is learned before."""
    if isinstance(model, ConditionedDenoiser):
        return model.learn("trunk" if model.residual else "all")
    return model


class DenoisingTraining(Objective):
    """Train `model` to recover motion from noise at every time.

    Args:
        model: The denoiser.
        space: Motion space of the data.
        optimizer: Arguments of `distill.training.optim.configure`.
        losses: Weights of the loss terms.
        drop_audio: Probability that a sample is trained without audio.
        drop_persona: Probability that a sample is trained without persona.
        time_power: Times are 1 - u^p for u spread evenly over a batch: above 1 favours high noise,
            where speech decides most.
        snr_limit: Upper limit of the signal-to-noise weight; 1 is no weighting.
        noises: Times and noises drawn for every clip of a batch. Sound and mean, which do not
            learn here, are then made once for all of them.
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
        snr_limit: float = 3.0,
        noises: int = 1,
    ):
        super().__init__(trunk_alone(model), optimizer)
        self.noises = noises
        self.loss = MotionLoss(space, losses)
        self.drop_audio, self.drop_persona = drop_audio, drop_persona
        self.time_power, self.snr_limit = time_power, snr_limit

    def configure_model(self) -> None:
        """Shard the network where the strategy asks for it."""
        if self.device_mesh is not None:
            shard(self.model, self.device_mesh["data_parallel"], ("prepare",))

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return whose calls are counted: what learns here is to teach."""
        return {"teacher": (self.model,)}

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Draw times and noise, predict, compare."""
        raw = drop_conditions(batch.cond, len(batch.motion), self.drop_audio, self.drop_persona)
        cond = self.model.prepare(raw, batch.motion.shape[1]).repeated(self.noises)
        x, mask = (v.repeat(self.noises, *[1] * (v.ndim - 1)) for v in (batch.motion, batch.mask))
        noise = drawn_noise(x, self.loss.space.noise)
        if cond.mean is not None and isinstance(self.model, ConditionedDenoiser):
            self.model.measure_left(x, cond.mean, noise, mask, over_processes)
        u = stratified(len(x)).to(x)
        t = 1 - (1 - LOWEST_TIME) * u**self.time_power
        z = noised(self.model, x, t, noise)
        weight = snr_weight(self.model.schedule, t, self.snr_limit)
        return self.loss(predict_x0(self.model, z, t, cond), x, mask, weight)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure what one step from pure noise already recovers."""
        predicted = first_step(self.model, batch, self.loss.space, seed=batch_idx)
        terms = self.loss(predicted, batch.motion, batch.mask)
        self.log_validation(terms, predicted, batch.motion, batch.mask)
