"""Transformer denoiser over motion frames (DiT, arXiv 2212.09748; RoPE, arXiv 2104.09864)."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as fn

from distill.layers.attention import band_attention
from distill.layers.blocks import ModulatedConvBlock
from distill.layers.modulation import Modulation, modulate
from distill.networks.conditioned import ConditionedDenoiser, through

LOCAL_EXPANSION = 3


class DiffusionTransformer(ConditionedDenoiser):
    """Convolutions over frames around a transformer whose tokens attend within a band.

    Frames are mixed by convolutions first and last: a blink is four frames long, and a transformer
    alone needs many times the updates to see one. In between a token stands for `patch` frames,
    reads twice as many and adds to as many, neighbours fading into each other: fewer tokens cost
    less, and what they add has no steps. Any length can be run.

    Args:
        width: Hidden size, a multiple of `heads`.
        layers: Number of transformer blocks.
        heads: Attention heads.
        expansion: Hidden size of the feed-forward part over `width`.
        reach_frames: How far in either direction a token attends in each block.
        patch: Frames per token; 1 makes a token of every frame.
        local_blocks: Convolution blocks before the transformer, and again after it.
        kernel: Frames that one of them mixes.
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
        patch: int = 1,
        local_blocks: int = 2,
        kernel: int = 9,
        **common: Any,
    ):
        super().__init__(width=width, **common)
        self.patch, self.reach = patch, max(reach_frames // patch, 1)
        self.head_dim = width // heads
        self.fold = nn.Linear(2 * patch * width, width) if patch > 1 else nn.Identity()
        self.unfold = nn.Linear(width, (2 * patch if patch > 1 else 1) * width)
        nn.init.normal_(self.unfold.weight, std=0.02)
        nn.init.zeros_(self.unfold.bias)
        self.before, self.after = (
            nn.ModuleList(
                ModulatedConvBlock(width, kernel, kernel // 2, LOCAL_EXPANSION, self.persona_dim)
                for _ in range(local_blocks)
            )
            for _ in range(2)
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, expansion, self.persona_dim) for _ in range(layers)
        )

    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Run frames, then tokens, then frames again."""
        h = through(self.before, h, c)
        tokens = self.fold(overlapping(h, self.patch))
        rotation = rotary_table(tokens.shape[1], self.head_dim, tokens, self.patch)
        for block in self.blocks:
            tokens = block(tokens, c, rotation, self.reach)
        h = h + faded(self.unfold(tokens), self.patch, h.shape[1])
        return through(self.after, h, c)


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
        reach: int,
    ) -> Float[Tensor, "B F W"]:
        """Update every token."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(c)
        qkv = self.qkv(modulate(h, shift_a, scale_a))
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, rotation), rotate(k, rotation)
        mixed = band_attention(q, k, v, reach)
        h = h + gate_a * self.proj(mixed.transpose(1, 2).flatten(2))
        return h + gate_m * self.down(fn.gelu(self.up(modulate(h, shift_m, scale_m))))


def overlapping(h: Float[Tensor, "B F W"], patch: int) -> Float[Tensor, "B N P"]:
    """Cut frames into windows of `2 patch`, one every `patch` frames, with half a window of zeros
    before the first frame; patch 1 leaves them as they are."""
    if patch == 1:
        return h
    half, missing = patch // 2, -h.shape[1] % patch
    padded = fn.pad(h, (0, 0, half, 2 * patch - half + missing))
    return padded.unfold(1, 2 * patch, patch).transpose(2, 3).flatten(2)


def faded(y: Float[Tensor, "B N P"], patch: int, frames: int) -> Float[Tensor, "B F W"]:
    """Add windows, as `overlapping` cuts them, under sin^2 fades that sum to one."""
    if patch == 1:
        return y
    place = torch.arange(2 * patch, device=y.device)
    fade = torch.sin(math.pi * (place + 0.5) / (2 * patch)).square().to(y.dtype)
    y = y.unflatten(2, (2 * patch, -1)) * fade[:, None]
    first, second = y[:, :, :patch].flatten(1, 2), y[:, :, patch:].flatten(1, 2)
    out = fn.pad(first, (0, 0, 0, patch)) + fn.pad(second, (0, 0, patch, 0))
    return out[:, patch // 2 : patch // 2 + frames]


def rotary_table(
    tokens: int, head_dim: int, like: Tensor, stride: int = 1
) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (N, head_dim/2) of rotary embedding, `stride` frames apart."""
    omega = 1000.0 ** (-torch.arange(0, head_dim, 2, device=like.device) / head_dim)
    phase = stride * torch.arange(tokens, device=like.device)[:, None] * omega
    return phase.cos().to(like.dtype), phase.sin().to(like.dtype)


def rotate(
    x: Float[Tensor, "B H F W"], rotation: tuple[Tensor, Tensor]
) -> Float[Tensor, "B H F W"]:
    """Rotate pairs of features by an angle that grows with the frame index."""
    cos, sin = rotation
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
