"""What a streaming student looks back at while it learns."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.sampling import predict_x0
from distill.protocols import BlockDenoiser, Denoiser
from distill.types import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMix:
    """How often a sample looks back at something else than clean motion.

    Attributes:
        drop: At nothing, as at the start of a stream.
        own: At what the student itself makes of the same noise, so that its errors do not build up.
        passes: Times that the student makes it, looking back at nothing, then at what it made
            before. (Made under clean motion it is nearly clean itself, and a student that learned
            to lean on that drifts off in a stream.)
    """

    drop: float = 0.1
    own: float = 0.8
    passes: int = 2


def before_blocks(model: BlockDenoiser, motion: Float[Tensor, "B F D"]) -> Float[Tensor, "B H D"]:
    """Return the frames that the blocks of `motion` look back at; zero before the first."""
    blocks = -(-motion.shape[1] // model.block_frames)
    empty = motion.new_zeros(len(motion), model.history_frames, motion.shape[2])
    rows = model.history_frames + (blocks - 1) * model.block_frames
    return torch.cat([empty, motion], dim=1)[:, :rows]


def looking_back(model: Denoiser, cond: Conditions, motion: Float[Tensor, "B F D"]) -> Conditions:
    """Return conditions under which a model that looks back sees `motion` before each block."""
    if not isinstance(model, BlockDenoiser):
        return cond
    return replace(cond, history=before_blocks(model, motion))


@torch.no_grad()
def mixed_motion(
    model: Denoiser,
    cond: Conditions,
    motion: Float[Tensor, "B F D"],
    z: Float[Tensor, "B F D"],
    t: Float[Tensor, " B"],
    mix: HistoryMix,
) -> Float[Tensor, "B F D"]:
    """Return what blocks are to look back at: clean motion, the student's own, or nothing."""
    if not isinstance(model, BlockDenoiser):
        return motion
    draw = torch.rand(len(motion)).to(motion)[:, None, None]
    own = torch.zeros_like(motion)
    for _ in range(mix.passes):
        own = predict_x0(model, z, t, looking_back(model, cond, own))
    mixed = torch.where(draw < mix.own, own, motion)
    return torch.where(draw > 1.0 - mix.drop, torch.zeros_like(mixed), mixed)
