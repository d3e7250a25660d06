"""Whether motion is as large as real motion."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import MetricSpec, Observation
from benchmarks.metrics.jitter import LEAST_FRAMES
from benchmarks.metrics.parts import PartMetric, variance_inside


class Spread(PartMetric):
    """Deviation inside a clip, generated / true: below 1 is over-smoothed motion."""

    spec = MetricSpec(
        id="spread_{part}",
        formula="d(p) / d(g), d = deviation inside a clip; normalized channels; variances are "
        "means over clips, then over the part's moving channels",
        unit="generated / true",
        region="moving channels of {part}",
        pooling="clips of the split",
        better="one",
        origin="ours",
    )

    def update(self, motion: Float[np.ndarray, "T D"], truth: Float[np.ndarray, "F D"]) -> None:
        """Add one sequence, cut to the shorter side; fewer than three frames do not count."""
        frames = min(len(motion), len(truth))
        if frames >= LEAST_FRAMES:
            sides = self.normalized(motion[:frames]), self.normalized(truth[:frames])
            self.add(np.array([variance_inside(values) for values in sides]), 1)

    def observe(self, seen: Observation) -> None:
        """Compare generated with real motion."""
        if seen.truth is not None:
            self.update(seen.motion, seen.truth)

    def compute(self) -> Float[Tensor, ""]:
        """Return the ratio; NaN where real motion stands still."""
        made, true = self.total
        return torch.sqrt(torch.where(true > 0, made / true, torch.nan))
