"""Lip error of the mean of several samples: what compares a sampler with a regression."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.metrics.base import FaceContext, MetricSpec, Observation
from benchmarks.metrics.lve import Lve
from distill.face.space import MotionSpace


class LveMean8(Lve):
    """`lve` of the mean of eight samples; for a row that ignores seeds this is its `lve`.

    A squared error is least for the mean of what could have been said with these sounds. One
    sample pays for its own deviation from that mean, a regression does not.
    """

    spec = MetricSpec(
        id="lve_mean8",
        formula="mean_t max_(v in L) ||face(mean_s x_s) - g||^2, x_s: motion of sample s of 8",
        unit="{u}^2",
        region="lips",
        pooling="frames of all sequences",
        better="lower",
        origin="ours, after CodeTalker cal_metric.py",
        repeats="samples",
    )

    def __init__(self, lips: Int[Tensor, " L"], space: MotionSpace) -> None:
        super().__init__(torch.arange(len(lips)))
        self.lips, self.space = lips, space

    @classmethod
    def build(cls, context: FaceContext) -> "LveMean8 | None":
        """Measure on the rig's lips."""
        return None if context.space is None else cls(context.lips, context.space)

    def observe(self, seen: Observation) -> None:
        """Compare the mean of the samples with real vertices."""
        if seen.samples is not None:
            self.update(self.shaped(seen.samples), seen.target.index_select(1, self.lips))

    def shaped(self, samples: Float[np.ndarray, "N F D"]) -> Float[Tensor, "F L 3"]:
        """Return the lips of the mean motion of the samples."""
        mean = torch.from_numpy(samples.mean(0, dtype=np.float64)).float()
        return self.space.to_vertices(mean, self.lips)
