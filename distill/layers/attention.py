"""Attention within a band of frames, at a cost that grows linearly with their number."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as fn

FUSED_FROM = 128
"""Above this many tokens torch's fused attention is used."""
DENSE_REACHES = 8
"""Up to this many reaches of frames the full score matrix is faster than gathering neighbours."""


def band_attention(
    q: Float[Tensor, "B N F W"],
    k: Float[Tensor, "B N F W"],
    v: Float[Tensor, "B N F W"],
    reach: int,
) -> Float[Tensor, "B N F W"]:
    """Let every frame of N heads attend to the frames at most `reach` away in either direction.

    Few frames are computed under a mask, many in blocks; both give the same values.
    """
    if q.shape[2] <= DENSE_REACHES * reach:
        return dense_attention(q, k, v, band_mask(q.shape[2], reach, q.device))
    return block_attention(q, k, v, reach)


def dense_attention(
    q: Float[Tensor, "B N F W"],
    k: Float[Tensor, "B N F W"],
    v: Float[Tensor, "B N F W"],
    mask: Bool[Tensor, "F F"] | None,
) -> Float[Tensor, "B N F W"]:
    """Attend under a mask, written out where it is short.

    For a few dozen tokens the backward pass of torch's fused attention on a CPU takes ten times as
    long as two products and a softmax.
    """
    if q.shape[2] > FUSED_FROM:
        return fn.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1).to(v.dtype) @ v


def band_mask(frames: int, reach: int, device: torch.device) -> Bool[Tensor, "F F"] | None:
    """Return which frames see each other, or None when all do."""
    if frames <= reach + 1:
        return None
    i = torch.arange(frames, device=device)
    return (i[:, None] - i[None, :]).abs() <= reach


def block_attention(
    q: Float[Tensor, "B N F W"],
    k: Float[Tensor, "B N F W"],
    v: Float[Tensor, "B N F W"],
    reach: int,
) -> Float[Tensor, "B N F W"]:
    """Attend in blocks of `reach` frames, each to itself and the blocks before and after it."""
    heads, frames = q.shape[1:3]
    blocks = -(-frames // reach)
    padding = blocks * reach - frames

    def neighbours(x: Tensor) -> Tensor:
        x = fn.pad(x, (0, 0, reach, reach + padding)).unflatten(2, (blocks + 2, reach))
        return torch.cat([x[:, :, :-2], x[:, :, 1:-1], x[:, :, 2:]], dim=3).flatten(1, 2)

    start = reach * torch.arange(blocks, device=q.device)[:, None, None]
    query = start + torch.arange(reach, device=q.device)[:, None]
    key = start + torch.arange(3 * reach, device=q.device) - reach
    real = (key < frames) | (query >= frames)  # a padded frame sees padding: never nothing at all
    band = ((query - key).abs() <= reach) & (key >= 0) & real
    mixed = fn.scaled_dot_product_attention(
        fn.pad(q, (0, 0, 0, padding)).unflatten(2, (blocks, reach)).flatten(1, 2),
        neighbours(k),
        neighbours(v),
        attn_mask=band.repeat(heads, 1, 1)[None],
    )
    return mixed.unflatten(1, (heads, blocks)).flatten(2, 3)[:, :, :frames]
