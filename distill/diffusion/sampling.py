"""Samplers: functions of a denoiser and a step grid."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.parameterization import Prediction, expand, from_x0, to_x0
from distill.diffusion.schedule import Schedule
from distill.protocols import Denoiser
from distill.types import Conditions


def predict_x0(
    model: Denoiser,
    z: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    cond: Conditions,
    s: Float[Tensor, " B"] | None = None,
) -> Float[Tensor, "B F D"]:
    """Run the network under prepared conditions and return its estimate of the clean motion.

    `s` is where the step that asks for it ends, for networks that are told.
    """
    if s is not None:
        cond = replace(cond, span=t - s)
    alpha, sigma = model.schedule.alpha_sigma(t)
    return to_x0(model(z, t, cond), z, alpha, sigma, model.prediction)


def ddim_step(
    z: Float[Tensor, "B F D"],
    x0: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    s: Float[Tensor, " B"],
    schedule: Schedule,
) -> Float[Tensor, "B F D"]:
    """Move deterministically from time `t` to time `s` < `t` given an estimate of x0.

    z_s = alpha_s x0 + sigma_s eps with eps = (z_t - alpha_t x0) / sigma_t (arXiv 2010.02502).
    """
    alpha_t, sigma_t = schedule.alpha_sigma(t)
    alpha_s, sigma_s = schedule.alpha_sigma(s)
    eps = from_x0(x0, z, alpha_t, sigma_t, Prediction.EPS)
    return expand(alpha_s, z) * x0 + expand(sigma_s, z) * eps


def step_coefficients(
    t: Float[Tensor, " B"], s: Float[Tensor, " B"], schedule: Schedule
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
    schedule: Schedule,
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
    return unrolled_sample(model, noise, cond, grid, rows=len(noise))


def unrolled_sample(
    model: Denoiser,
    noise: Float[Tensor, "B F D"],
    cond: Conditions,
    grid: Sequence[tuple[float, float]],
    *,
    rows: int = 1,
) -> Float[Tensor, "B F D"]:
    """Do the same in operations that can be traced.

    Times have `rows` rows; with one, what follows from them alone is constant in a graph.
    """
    z = x0 = noise
    for now, then in grid:
        t, s = noise.new_full((rows,), now), noise.new_full((rows,), then)
        x0 = predict_x0(model, z, t, cond, s)
        if then > 0:
            z = ddim_step(z, x0, t, s, model.schedule)
    return x0
