"""Targets of a network that jumps from any time t to any earlier time s.

A jump is a DDIM step: f(z_t, t, s) = c_skip z_t + c_out D(z_t, t, s) with the network's estimate D
of clean motion for that step. All targets are told as the x0 whose step lands where it should.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import ddim_step, predict_x0, x0_of_step
from distill.protocols import Denoiser
from distill.types import Conditions

Time = Float[Tensor, " B"]
Motion = Float[Tensor, "B F D"]


def jump(model: Denoiser, z: Motion, t: Time, s: Time, cond: Conditions) -> Motion:
    """Return where one step of the network from t lands at s; `cond` is prepared by the model."""
    return ddim_step(z, predict_x0(model, z, t, cond, s), t, s, model.schedule)


@torch.no_grad()
def shortcut_target(student: Denoiser, z: Motion, t: Time, s: Time, cond: Conditions) -> Motion:
    """The x0 with which a step lands where two steps of half its length do (arXiv 2410.12557)."""
    middle = (t + s) / 2
    landed = jump(student, jump(student, z, t, middle, cond), middle, s, cond)
    return x0_of_step(z, landed, t, s, student.schedule)


@torch.no_grad()
def mean_velocity_target(
    student: Denoiser,
    teacher: Denoiser,
    z: Motion,
    t: Time,
    s: Time,
    cond: Conditions,
    cond_teacher: Conditions,
    *,
    step: float,
) -> Motion:
    """The x0 whose step has the mean velocity that the teacher's velocity asks for.

    With u(z_t, t, s) = (z_t - z_s) / (t - s), the mean velocity of a jump, d/dt of (t - s) u gives
    u = v - (t - s) du/dt (arXiv 2505.13447), v the velocity of the teacher's trajectory. The
    derivative along it is a finite difference over the teacher's DDIM step from t to t - step;
    all on the right is without gradient.

    Args:
        student: The network, prepared by `cond`.
        teacher: Gives the trajectory, prepared by `cond_teacher`.
        z: Noisy motion at t.
        t: Where the jump begins.
        s: Where it ends, at most t - step.
        cond: Conditions as the student prepared them.
        cond_teacher: Conditions as the teacher prepared them.
        step: Length in time of the difference.
    """
    before = t - step
    z_before = ddim_step(z, predict_x0(teacher, z, t, cond_teacher), t, before, teacher.schedule)
    velocity = (z - z_before) / step
    length, length_before = expand(t - s, z), expand((before - s).clamp(min=1e-6), z)
    mean_now = (z - jump(student, z, t, s, cond)) / length
    mean_before = (z_before - jump(student, z_before, before, s, cond)) / length_before
    arrived = expand(before - s, z) < 1e-6  # the jump is the difference itself
    change = torch.where(arrived, torch.zeros_like(z), (mean_now - mean_before) / step)
    return x0_of_step(z, z - length * (velocity - length * change), t, s, student.schedule)


@torch.no_grad()
def single_step_target(teacher: Denoiser, z: Motion, t: Time, cond_teacher: Conditions) -> Motion:
    """The x0 of a step of the teacher's own length: what longer jumps are anchored to."""
    return predict_x0(teacher, z, t, cond_teacher)


def drawn_jump(u: Time, v: Time, steps: int, least: int) -> tuple[Time, Time]:
    """Map uniform draws to a time t and an end s on a grid of `steps`, `least` steps apart or more.

    Jumps to 0 get half of the draws: samplers of one step ask for nothing else.
    """
    far = steps - least + 1
    t = (least - 1 + (u * far).ceil().clamp(1, far)).round()
    choices = t - least + 1
    s = torch.where(v < 0.5, torch.zeros_like(t), ((2 * v - 1).clamp(min=0) * choices).floor())
    return t / steps, s.clamp(max=steps).minimum(t - least) / steps
