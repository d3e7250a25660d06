"""Mean vertex error (FaceDiffuser)."""

from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import (
    FaceContext,
    FaceMetric,
    MetricSpec,
    Observation,
    same_length,
    total_distance,
)


class Mve(FaceMetric):
    """Mean over frames and all vertices of ||p - g||, not squared, pooled."""

    spec = MetricSpec(
        id="mve",
        formula="mean_(t, v) ||p - g||",
        unit="{u}",
        region="all vertices",
        pooling="frames of all sequences",
        better="lower",
        origin="FaceDiffuser compute_objective_metrics.py",
    )

    @classmethod
    def build(cls, context: FaceContext) -> "Mve":
        """Measure on every vertex."""
        return cls()

    def update(self, pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]) -> None:
        """Add one sequence; distances in the input's precision, summed in float64."""
        pred, target = same_length(pred, target)
        self.add(total_distance(pred, target), pred.shape[0] * pred.shape[1])

    def observe(self, seen: Observation) -> None:
        """Compare generated with real vertices."""
        self.update(seen.pred, seen.target)
