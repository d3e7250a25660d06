"""The direction of distribution matching (arXiv 2311.18828) and the student's own inputs."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import ddim_step, predict_x0
from distill.diffusion.schedule import step_grid
from distill.protocols import Denoiser
from distill.types import Conditions

SMALLEST_DISTANCE = 1e-3


@torch.no_grad()
def matching_target(
    made: Float[Tensor, "B F D"],
    x0_real: Float[Tensor, "B F D"],
    x0_fake: Float[Tensor, "B F D"],
    mask: Bool[Tensor, "B F"],
) -> Float[Tensor, "B F D"]:
    """Generated motion moved against the gradient of KL(fake || real); itself where both agree.

    With s = (alpha x0 - z) / sigma^2 for both scores, s_real - s_fake is a positive multiple of
    x0_real - x0_fake. It is divided by the mean distance of `made` from x0_real over a sample's
    valid frames, so that all noise levels count alike (equation 8 of the paper).
    """
    frames = mask.sum(-1).clamp(min=1)
    far = ((made - x0_real).abs().mean(-1) * mask).sum(-1) / frames
    return made + (x0_real - x0_fake) / expand(far.clamp(min=SMALLEST_DISTANCE), made)


@torch.no_grad()
def own_input(
    model: Denoiser, noise: Float[Tensor, "B F D"], cond: Conditions, steps: int, step: int
) -> tuple[Float[Tensor, "B F D"], Float[Tensor, " B"]]:
    """Return what step number `step` (from 0) of the student's own sampler sees, and its time.

    The backward simulation of arXiv 2405.14867, along DDIM. `cond` is prepared by the model.
    """
    z, grid = noise, step_grid(steps)
    times = [(noise.new_full((len(z),), t), noise.new_full((len(z),), s)) for t, s in grid]
    for t, s in times[:step]:
        z = ddim_step(z, predict_x0(model, z, t, cond), t, s, model.schedule)
    return z, times[step][0]
