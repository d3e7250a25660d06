"""Whether the samples of an audio reach what was really recorded."""

import numpy as np
from jaxtyping import Float

from benchmarks.metrics.base import FaceContext, FaceMetric, MetricSpec, Observation
from benchmarks.windows import WindowSpace, nearest_distance


class Coverage(FaceMetric):
    """Share of true windows with a generated one nearer than the nearest true one elsewhere."""

    spec = MetricSpec(
        id="coverage",
        formula="share of true 1 s windows w with min_s ||w - s|| < min_u ||w - u||; s: any window "
        "of the 8 samples of the same audio, u: any true window of another clip of the split; "
        "coordinates of fmd",
        unit="share",
        region="moving channels",
        pooling="windows of the split",
        better="higher",
        origin="ours, after Naeem et al. 2020 (arXiv 2002.09797)",
        repeats="samples",
    )

    def __init__(self, windows: WindowSpace) -> None:
        super().__init__()
        self.windows = windows

    @classmethod
    def build(cls, context: FaceContext) -> "Coverage | None":
        """Measure in the coordinates of all moving channels."""
        windows = context.windows.get("all")
        return None if windows is None else cls(windows)

    def update(
        self,
        samples: Float[np.ndarray, "N T D"],
        truth: Float[np.ndarray, "F D"],
        neighbour_distance: Float[np.ndarray, " W"],
    ) -> None:
        """Add one clip; windows without a true one elsewhere do not count."""
        made = np.concatenate([self.windows.features(motion) for motion in samples])
        nearest = nearest_distance(self.windows.features(truth), made)
        known = np.isfinite(neighbour_distance)
        self.add(float((nearest < neighbour_distance)[known].sum()), int(known.sum()))

    def observe(self, seen: Observation) -> None:
        """Compare all samples of a clip with its real motion."""
        if seen.samples is None or seen.truth is None or seen.neighbour_distance is None:
            return
        self.update(seen.samples, seen.truth, seen.neighbour_distance)
