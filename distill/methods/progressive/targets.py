"""Regression targets of a round (Salimans & Ho, arXiv 2202.00512)."""

import torch
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import ddim_step, predict_x0, x0_of_step
from distill.protocols import Denoiser
from distill.types import Conditions


@torch.no_grad()
def two_step_target(
    teacher: Denoiser,
    z: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    student_steps: int,
    cond: Conditions,
) -> Float[Tensor, "B F D"]:
    """The x0 that makes one student step land where two teacher steps land.

    With r = sigma_s / sigma_t, solving z_s = alpha_s x + r (z - alpha_t x) for x gives
    x = (z_s - r z) / (alpha_s - r alpha_t); the denominator is positive because SNR(s) > SNR(t).
    Where s = 0 the target is the teacher's x0 of its second half step, as a sampler returns it.
    `cond` is prepared by the teacher.
    """
    mid, s = t - 0.5 / student_steps, (t - 1.0 / student_steps).clamp(min=0)
    z_mid = ddim_step(z, predict_x0(teacher, z, t, cond), t, mid, teacher.schedule)
    x_mid = predict_x0(teacher, z_mid, mid, cond)
    z_s = ddim_step(z_mid, x_mid, mid, s, teacher.schedule)
    target = x0_of_step(z, z_s, t, s, teacher.schedule)
    last = expand(s, z) < 0.25 / student_steps
    return torch.where(last, x_mid, target)


@torch.no_grad()
def one_step_target(
    teacher: Denoiser, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
) -> Float[Tensor, "B F D"]:
    """The teacher's x0 at the student's own time: the target at equal step counts."""
    return predict_x0(teacher, z, t, cond)
