"""Whether the lips meet where speech says they must."""

import math

import numpy as np
from jaxtyping import Float

from benchmarks.metrics.base import FaceContext, FaceMetric, MetricSpec, Observation
from distill.types import Interval

BILABIALS = frozenset("pbm")
CLOSED_SHARE = 0.1


class Closure(FaceMetric):
    """Share of /p b m/ intervals whose smallest lip gap is under 10 % of the speaker's range.

    A face that never opens its mouth scores 1: read it beside `lve` and `sync_r`.
    """

    spec = MetricSpec(
        id="closure",
        formula="share of /p b m/ with min_t gap < low + 0.1 (high - low) of the speaker",
        unit="share",
        region="facing lip pairs",
        pooling="intervals of all sequences",
        better="higher",
        origin="ours",
    )

    def __init__(self, fps: float) -> None:
        super().__init__()
        self.fps = fps

    @classmethod
    def build(cls, context: FaceContext) -> "Closure | None":
        """Measure at the corpus's frame rate, where the rig has lips that face each other."""
        return cls(context.fps) if len(context.lip_pairs) else None

    def update(
        self,
        lip_gap_mm: Float[np.ndarray, " T"],
        phones: tuple[Interval, ...],
        gap_range_mm: tuple[float, float],
    ) -> None:
        """Add one sequence; intervals past its end do not count."""
        low, high = gap_range_mm
        limit = low + CLOSED_SHARE * (high - low)
        for phone in phones:
            gap = lip_gap_mm[frames_of(phone, self.fps)]
            if phone.label in BILABIALS and len(gap):
                self.add(float(gap.min() < limit), 1)

    def observe(self, seen: Observation) -> None:
        """Look at the generated lip gap."""
        self.update(seen.lip_gap_mm, seen.phones, seen.gap_range_mm)


def frames_of(phone: Interval, fps: float) -> slice:
    """Return the frames that touch an interval; at least one."""
    first = max(0, math.floor(phone.start_s * fps))
    return slice(first, max(first + 1, math.ceil(phone.end_s * fps) + 1))
