"""Whether motion trembles: how rough it is for its size, beside real motion."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import MetricSpec, Observation
from benchmarks.metrics.parts import PartMetric, variance_inside

LEAST_FRAMES = 3


class Jitter(PartMetric):
    """Roughness of a part, generated / true: 1 is natural, white noise is far above it.

    Second differences, not speeds: a faster but smooth head is no rougher.
    """

    spec = MetricSpec(
        id="jitter_{part}",
        formula="r(p) / r(g), r = rms second difference / deviation inside a clip; normalized "
        "channels; variances are means over clips, then over the part's moving channels",
        unit="generated / true",
        region="moving channels of {part}",
        pooling="frames and clips of the split",
        better="one",
        origin="ours",
    )
    sums = 4

    def update(self, motion: Float[np.ndarray, "T D"], truth: Float[np.ndarray, "F D"]) -> None:
        """Add one sequence, cut to the shorter side; fewer than three frames do not count."""
        frames = min(len(motion), len(truth))
        if frames < LEAST_FRAMES:
            return
        found = []
        for values in (self.normalized(motion[:frames]), self.normalized(truth[:frames])):
            rough = np.square(np.diff(values, n=2, axis=0)).mean(1).sum()
            found += [rough, variance_inside(values)]
        self.add(np.array(found), frames)

    def observe(self, seen: Observation) -> None:
        """Compare generated with real motion."""
        if seen.truth is not None:
            self.update(seen.motion, seen.truth)

    def compute(self) -> Float[Tensor, ""]:
        """Return the ratio; NaN where generated or true motion stands still."""
        # Both sides have the same frames and clips, so that their counts cancel.
        rough, size, true_rough, true_size = self.total
        ratio = (rough / size) / (true_rough / true_size)
        return torch.sqrt(torch.where(size * true_rough > 0, ratio, torch.nan))
