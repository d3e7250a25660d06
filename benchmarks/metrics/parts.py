"""What metrics of a part of the face share: its moving channels, in normalized units."""

from functools import partial

import numpy as np
from jaxtyping import Float

from benchmarks.metrics.base import FaceContext, FaceMetric, Measure
from distill.face.parts import PARTS


class PartMetric(FaceMetric):
    """A number for each part of the face; `{part}` in the spec stands for the part.

    Only channels that move inside clips of training truth are looked at.
    """

    sums = 2

    def __init__(self, channels: list[int], scale: np.ndarray) -> None:
        super().__init__((self.sums,))
        self.channels = channels
        self.unit = scale[self.channels]

    @classmethod
    def measures(cls) -> list[Measure]:
        """Return one measure per part that a face can have."""
        return [Measure(spec=cls.spec.of(p), build=partial(cls.build_part, part=p)) for p in PARTS]

    @classmethod
    def build_part(cls, context: FaceContext, part: str) -> "PartMetric | None":
        """Measure a part where the rig has it and it moves in the truth."""
        moving = context.parts.get(part)
        return cls(list(moving), context.scale) if moving else None

    def normalized(self, motion: Float[np.ndarray, "... D"]) -> Float[np.ndarray, "... C"]:
        """Return the part's moving channels in float64, divided by their training deviation."""
        return motion[..., self.channels].astype(np.float64) / self.unit


def variance_inside(values: Float[np.ndarray, "F C"]) -> float:
    """Return the variance over the frames of one clip, mean over channels."""
    moved = values - values[0]  # a still face has no variance at all, not that of rounding
    return float(moved.var(0, ddof=1).mean())
