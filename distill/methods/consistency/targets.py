"""Consistency functions and their targets (arXiv 2303.01469, in segments as arXiv 2403.06807)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import ddim_step, predict_x0, step_coefficients, x0_of_step
from distill.protocols import Denoiser
from distill.types import Conditions


def segment_start(t: Float[Tensor, " B"], steps: int, segments: int) -> Float[Tensor, " B"]:
    """Return the end nearer the data of the segment (s, s + 1 / segments] that holds `t`.

    `t` lies on the grid of `steps`, which is a multiple of `segments`.
    """
    return ((t * steps).round() * segments / steps).ceil().sub(1).div(segments)


def consistency_function(
    model: Denoiser,
    z: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    s: Float[Tensor, " B"],
    cond: Conditions,
) -> Float[Tensor, "B F D"]:
    """Return f(z_t, t) = c_skip(t) z_t + c_out(t) x0, where the trajectory through z_t is at `s`.

    One DDIM step to `s` gives c_skip = sigma_s / sigma_t and c_out = alpha_s - c_skip alpha_t, so
    that f(z_s, s) = z_s whatever the network says. `cond` is prepared by the model.
    """
    skip, out = (expand(c, z) for c in step_coefficients(t, s, model.schedule))
    return skip * z + out * predict_x0(model, z, t, cond, s)


@torch.no_grad()
def consistency_target(
    student: Denoiser,
    teacher: Denoiser,
    z: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    cond: Conditions,
    cond_teacher: Conditions,
    *,
    steps: int,
    segments: int,
) -> Float[Tensor, "B F D"]:
    """The x0 with which the student lands where it lands from one teacher step further on.

    The teacher's DDIM step t -> u = t - 1 / steps gives the neighbour z_u; the student's own
    f(z_u, u) is where both should be at the start s of the segment; the x0 of the step
    z_t -> f(z_u, u) is the target. At u = s this is the teacher's x0.
    `cond` is prepared by the student, `cond_teacher` by the teacher.
    """
    s, u = segment_start(t, steps, segments), ((t * steps).round() - 1) / steps
    x_teacher = predict_x0(teacher, z, t, cond_teacher)
    z_u = ddim_step(z, x_teacher, t, u, teacher.schedule)
    z_s = consistency_function(student, z_u, u, s, cond)
    return x0_of_step(z, z_s, t, s, student.schedule)


def huber_weight(
    predicted: Float[Tensor, "B F D"],
    target: Float[Tensor, "B F D"],
    mask: Bool[Tensor, "B F"],
    c: float,
) -> Float[Tensor, " B"]:
    """Weight 1 / sqrt(1 + e^2 / c^2) per sample, e its root mean square error; no gradient.

    A squared error of this weight has the gradient of the pseudo-Huber distance
    2 c^2 (sqrt(1 + e^2 / c^2) - 1) of arXiv 2310.14189: outliers pull no harder than distance c.
    """
    error = (predicted - target).detach().square().mean(-1) * mask
    e2 = error.sum(-1) / mask.sum(-1).clamp(min=1)
    return (1 + e2 / c**2).rsqrt()
