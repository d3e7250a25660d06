"""Long audio in overlapping windows, so that memory stays flat whatever the length."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Span:
    """Frames [start, stop) of one window; `overlap` of them were in the window before."""

    start: int
    stop: int
    overlap: int


def spans(frames: int, window: int, overlap: int) -> Iterator[Span]:
    """Cover `frames` frames by windows of at most `window` that share `overlap` frames."""
    start = 0
    while True:
        stop = min(start + window, frames)
        yield Span(start, stop, min(overlap, stop - start) if start else 0)
        if stop == frames:
            return
        start = stop - overlap


def crossfade(
    before: Float[Tensor, "B N D"], after: Float[Tensor, "B N D"]
) -> Float[Tensor, "B N D"]:
    """Blend linearly from `before` to `after`; both ends keep a share of their own side."""
    frames = before.shape[1]
    ramp = (torch.arange(frames, device=before.device) + 1) / (frames + 1)
    return before + ramp[:, None].to(before.dtype) * (after - before)
