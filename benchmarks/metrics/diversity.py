"""How far samples of one audio lie apart (FaceDiffuser)."""

from collections.abc import Sequence
from itertools import combinations

from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import (
    FaceContext,
    FaceMetric,
    MetricSpec,
    Observation,
    total_distance,
)


class Diversity(FaceMetric):
    """Mean pairwise vertex distance between samples of one audio, mean over sequences."""

    spec = MetricSpec(
        id="diversity",
        formula="mean_(pairs a < b) mean_(t, v) ||p_a - p_b||, seeds of one audio",
        unit="{u}",
        region="all vertices",
        pooling="mean over sequences",
        better="higher",
        origin="FaceDiffuser",
        repeats="pair",
    )

    @classmethod
    def build(cls, context: FaceContext) -> "Diversity":
        """Measure on every vertex."""
        return cls()

    def update(self, samples: Float[Tensor, "N T V 3"] | Sequence[Float[Tensor, "T V 3"]]) -> None:
        """Add the samples of one audio; distances in the input's precision, float64 sums.

        Raises:
            ValueError: Fewer than two samples.
        """
        pairs = list(combinations(samples, 2))
        if not pairs:
            raise ValueError("diversity needs at least two samples of one audio")
        vertices = samples[0].shape[0] * samples[0].shape[1]
        self.add(sum(total_distance(a, b) for a, b in pairs) / (len(pairs) * vertices), 1)

    def observe(self, seen: Observation) -> None:
        """Compare two seeds of one audio."""
        if seen.other is not None:
            self.update((seen.pred, seen.other))
