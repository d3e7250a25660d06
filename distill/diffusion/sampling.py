"""Samplers: functions of a denoiser and a step grid."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.parameterization import Prediction, expand, from_x0, to_x0
from distill.diffusion.schedule import CosineSchedule
from distill.protocols import Denoiser
from distill.types import Conditions

NOISE_BLOCK_FRAMES = 256


def predict_x0(
    model: Denoiser, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
) -> Float[Tensor, "B F D"]:
    """Run the network under prepared conditions and return its estimate of the clean motion."""
    alpha, sigma = model.schedule.alpha_sigma(t)
    return to_x0(model(z, t, cond), z, alpha, sigma, model.prediction)


def ddim_step(
    z: Float[Tensor, "B F D"],
    x0: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    s: Float[Tensor, " B"],
    schedule: CosineSchedule,
) -> Float[Tensor, "B F D"]:
    """Move deterministically from time `t` to time `s` < `t` given an estimate of x0.

    z_s = alpha_s x0 + sigma_s eps with eps = (z_t - alpha_t x0) / sigma_t (arXiv 2010.02502).
    """
    alpha_t, sigma_t = schedule.alpha_sigma(t)
    alpha_s, sigma_s = schedule.alpha_sigma(s)
    eps = from_x0(x0, z, alpha_t, sigma_t, Prediction.EPS)
    return expand(alpha_s, z) * x0 + expand(sigma_s, z) * eps


def step_coefficients(
    t: Float[Tensor, " B"], s: Float[Tensor, " B"], schedule: CosineSchedule
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Return (keep, take) of a DDIM step z_s = keep z_t + take x0; exactly (1, 0) where s = t.

    keep = sigma_s / sigma_t and take = alpha_s - keep alpha_t.
    """
    alpha_t, sigma_t = schedule.alpha_sigma(t)
    alpha_s, sigma_s = schedule.alpha_sigma(s)
    keep = sigma_s / sigma_t
    return keep, alpha_s - keep * alpha_t


def x0_of_step(
    z_t: Float[Tensor, "B F D"],
    z_s: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    s: Float[Tensor, " B"],
    schedule: CosineSchedule,
) -> Float[Tensor, "B F D"]:
    """Return the x0 for which one DDIM step from `z_t` lands on `z_s`; needs s < t."""
    keep, take = (expand(c, z_t) for c in step_coefficients(t, s, schedule))
    return (z_s - keep * z_t) / take


@torch.no_grad()
def ddim_sample(
    model: Denoiser,
    noise: Float[Tensor, "B F D"],
    cond: Conditions,
    grid: Sequence[tuple[float, float]],
) -> Float[Tensor, "B F D"]:
    """Sample with DDIM along `grid` under prepared conditions; the last x0 is returned."""
    z = x0 = noise
    for t, s in grid:
        t_b, s_b = noise.new_full((len(z),), t), noise.new_full((len(z),), s)
        x0 = predict_x0(model, z, t_b, cond)
        if s > 0:
            z = ddim_step(z, x0, t_b, s_b, model.schedule)
    return x0


def seeded_noise(
    seeds: Sequence[int], frames: int, motion_dim: int, *, start_frame: int = 0
) -> Float[Tensor, "B F D"]:
    """Gaussian noise in which row i depends on seed i and on the absolute frame only.

    A window cut from a long clip therefore sees the noise that the whole clip would have seen.
    """
    first = start_frame // NOISE_BLOCK_FRAMES
    last = (start_frame + frames - 1) // NOISE_BLOCK_FRAMES
    offset = start_frame - first * NOISE_BLOCK_FRAMES
    rows = []
    for seed in seeds:
        blocks = [_noise_block(seed, block, motion_dim) for block in range(first, last + 1)]
        rows.append(torch.cat(blocks)[offset : offset + frames])
    return torch.stack(rows)


def _noise_block(seed: int, block: int, motion_dim: int) -> Tensor:
    rng = torch.Generator().manual_seed((seed * 1_000_003 + block * 7_919 + 1) % 2**63)
    return torch.randn(NOISE_BLOCK_FRAMES, motion_dim, generator=rng)
