"""How step and persona steer a network: step embedding and adaptive normalization."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class StepEmbedding(nn.Module):
    """Embeds diffusion time t in [0, 1] by sinusoids and a two-layer perceptron."""

    def __init__(self, dim: int, frequencies: int = 64):
        super().__init__()
        powers = torch.arange(frequencies) / (frequencies - 1)
        self.register_buffer("omega", math.pi * 500.0**powers, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * frequencies, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.omega: Tensor

    def forward(self, t: Float[Tensor, " B"]) -> Float[Tensor, "B E"]:
        """Return one embedding per sample."""
        phase = t[:, None].to(self.omega.dtype) * self.omega
        return self.mlp(torch.cat([phase.sin(), phase.cos()], dim=-1).to(t.dtype))


class PersonaAdapter(nn.Module):
    """Maps the personalizer's embedding to a model's own personalized embedding, or to null."""

    def __init__(self, in_dim: int, dim: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(in_dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.null = nn.Parameter(torch.randn(dim) * 0.02)

    def forward(self, persona: Float[Tensor, "B E"]) -> Float[Tensor, "B P"]:
        """Return the personalized embedding."""
        return self.mlp(persona)

    def or_null(self, persona: Tensor | None, batch: int) -> Float[Tensor, "B P"]:
        """Return the prepared persona, or the null embedding when there is none."""
        return self.null.expand(batch, -1) if persona is None else persona


def keep_or(null: Tensor, value: Tensor, keep: Tensor | None) -> Tensor:
    """Blend `value` (B ...) with `null` where `keep` (B) is 0."""
    if keep is None:
        return value
    keep = keep.reshape(-1, *[1] * (value.ndim - 1)).to(value.dtype)
    return keep * value + (1 - keep) * null


class Modulation(nn.Module):
    """Adaptive layer normalization (arXiv 2212.09748): scale, shift and gate from a condition.

    Starts at zero, so that a new block is the identity, as in the paper.
    """

    def __init__(self, dim: int, cond_dim: int, parts: int):
        super().__init__()
        self.parts = parts
        self.project = nn.Linear(cond_dim, parts * dim)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, cond: Float[Tensor, "B E"]) -> tuple[Tensor, ...]:
        """Return `parts` tensors (B 1 dim)."""
        return self.project(cond)[:, None].chunk(self.parts, dim=-1)


def modulate(x: Float[Tensor, "B F E"], shift: Tensor, scale: Tensor) -> Float[Tensor, "B F E"]:
    """Normalize over features without learned scale, then scale and shift.

    One condition for the whole batch is taken into the normalization, which saves two passes.
    """
    if shift.shape[0] == 1:
        gain, bias = (1 + scale).flatten().to(x.dtype), shift.flatten().to(x.dtype)
        return functional.layer_norm(x, x.shape[-1:], gain, bias)
    return functional.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
