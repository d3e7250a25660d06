"""Transformer denoiser over motion frames (DiT, arXiv 2212.09748; RoPE, arXiv 2104.09864)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as fn

from distill.layers.attention import band_attention
from distill.layers.modulation import Modulation, modulate
from distill.networks.conditioned import ConditionedDenoiser


class DiffusionTransformer(ConditionedDenoiser):
    """Denoiser whose frames attend to each other within a band, so any length can be run.

    Args:
        width: Hidden size, a multiple of `heads`.
        layers: Number of transformer blocks.
        heads: Attention heads.
        expansion: Hidden size of the feed-forward part over `width`.
        reach_frames: How far in either direction a frame attends in each block.
        common: Arguments of `ConditionedDenoiser`.
    """

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        heads: int,
        expansion: int,
        reach_frames: int,
        **common: Any,
    ):
        super().__init__(width=width, **common)
        self.reach_frames = reach_frames
        self.head_dim = width // heads
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, expansion, self.persona_dim) for _ in range(layers)
        )

    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Run the blocks."""
        rotation = rotary_table(h.shape[1], self.head_dim, h)
        for block in self.blocks:
            h = block(h, c, rotation, self.reach_frames)
        return h


class TransformerBlock(nn.Module):
    """Self-attention and feed-forward, each modulated and gated by the condition vector."""

    def __init__(self, width: int, heads: int, expansion: int, cond_dim: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.modulation = Modulation(width, cond_dim, 6)
        # Gates start at one rather than zero: with few updates the identity start costs too much.
        nn.init.ones_(self.modulation.project.bias[2 * width : 3 * width])
        nn.init.ones_(self.modulation.project.bias[5 * width :])

    def forward(
        self,
        h: Float[Tensor, "B F W"],
        c: Float[Tensor, "B E"],
        rotation: tuple[Tensor, Tensor],
        reach_frames: int,
    ) -> Float[Tensor, "B F W"]:
        """Update every frame."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(c)
        qkv = self.qkv(modulate(h, shift_a, scale_a))
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, rotation), rotate(k, rotation)
        mixed = band_attention(q, k, v, reach_frames)
        h = h + gate_a * self.proj(mixed.transpose(1, 2).flatten(2))
        return h + gate_m * self.down(fn.gelu(self.up(modulate(h, shift_m, scale_m))))


def rotary_table(frames: int, head_dim: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (F, head_dim/2) of rotary position embedding."""
    omega = 1000.0 ** (-torch.arange(0, head_dim, 2, device=like.device) / head_dim)
    phase = torch.arange(frames, device=like.device)[:, None] * omega
    return phase.cos().to(like.dtype), phase.sin().to(like.dtype)


def rotate(
    x: Float[Tensor, "B H F W"], rotation: tuple[Tensor, Tensor]
) -> Float[Tensor, "B H F W"]:
    """Rotate pairs of features by an angle that grows with the frame index."""
    cos, sin = rotation
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
