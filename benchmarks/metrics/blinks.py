"""Blinks as events: how often the lids close and how far."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import FaceContext, FaceMetric, MetricSpec, Observation
from distill.face.parts import motion_parts

BEGINS, DEEP = 0.4, 0.6
"""Lid closure at which a blink begins, and which a blink that is seen as one reaches."""


class BlinkMetric(FaceMetric):
    """Blinks of the mean of the lid channels: events, deep events and minutes."""

    def __init__(self, lids: list[int], fps: float) -> None:
        super().__init__((3,))
        self.lids, self.fps = lids, fps

    @classmethod
    def build(cls, context: FaceContext) -> "BlinkMetric | None":
        """Measure where the rig has lids."""
        lids = motion_parts(context.space.channels).get("blink") if context.space else None
        return cls(lids, context.fps) if lids else None

    def update(self, motion: Float[np.ndarray, "F D"]) -> None:
        """Add one sequence of raw motion."""
        closure = motion[:, self.lids].astype(np.float64).mean(1).clip(0.0, 1.0)
        peaks = blink_peaks(closure)
        deep = int((peaks >= DEEP).sum())
        self.add(np.array([len(peaks), deep, len(closure) / self.fps / 60.0]), 1)

    def observe(self, seen: Observation) -> None:
        """Look at the generated motion."""
        self.update(seen.motion)


class BlinksPerMin(BlinkMetric):
    """How often the lids close; a face that stares has 0, a trembling lid hundreds."""

    spec = MetricSpec(
        id="blinks_per_min",
        formula="upward crossings of 0.4 by the mean of the lid channels / minutes",
        unit="1/min",
        region="lids",
        pooling="all sequences",
        better="recorded",
        origin="ours",
    )

    def compute(self) -> Float[Tensor, ""]:
        """Return the rate, NaN when nothing was seen."""
        return self.total[0] / self.total[2]


class BlinkDepth(BlinkMetric):
    """Share of the blinks that go down to at least 0.6."""

    spec = MetricSpec(
        id="blink_depth",
        formula="share of crossings of 0.4 whose lids reach 0.6 before they open again",
        unit="share",
        region="lids",
        pooling="blinks of all sequences",
        better="higher",
        origin="ours",
    )

    def compute(self) -> Float[Tensor, ""]:
        """Return the share, NaN without a blink."""
        return torch.where(self.total[0] > 0, self.total[1] / self.total[0], torch.nan)


def blink_peaks(closure: Float[np.ndarray, " F"]) -> Float[np.ndarray, " N"]:
    """Return how far the lids close in each blink; one already under way at the start is none."""
    closed = closure > BEGINS
    starts = np.flatnonzero(closed[1:] & ~closed[:-1]) + 1
    return np.array([closure[start : _end(closed, int(start))].max() for start in starts])


def _end(closed: np.ndarray, start: int) -> int:
    open_again = np.flatnonzero(~closed[start:])
    return start + int(open_again[0]) if len(open_again) else len(closed)
