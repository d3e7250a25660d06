"""Long audio in overlapping windows, so that memory stays flat whatever the length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


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
    before: Float[np.ndarray, "B N D"], after: Float[np.ndarray, "B N D"]
) -> Float[np.ndarray, "B N D"]:
    """Blend linearly from `before` to `after`; both ends keep a share of their own side."""
    frames = before.shape[1]
    ramp = (np.arange(frames) + 1) / (frames + 1)
    return before + ramp[:, None].astype(before.dtype) * (after - before)
