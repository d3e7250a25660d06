"""Upper-face dynamics deviation, signed (CodeTalker) and absolute (FaceDiffuser)."""

from jaxtyping import Float, Int
from torch import Tensor

from benchmarks.metrics.base import (
    FaceContext,
    FaceMetric,
    MetricSpec,
    Observation,
    same_length,
    squared_distance,
    take,
)


class Fdd(FaceMetric):
    """mean_U std_t(||g - m||^2) - mean_U std_t(||p - m||^2), signed, mean over sequences.

    Positive: the generated upper face moves less than the real one. std has ddof 0.
    """

    spec = MetricSpec(
        id="fdd",
        formula="mean_(v in U) [std_t(||g - m||^2) - std_t(||p - m||^2)], ddof 0, signed",
        unit="{u}^2",
        region="eyes and forehead",
        pooling="mean over sequences",
        better="zero",
        origin="CodeTalker cal_metric.py",
    )

    def __init__(self, neutral: Float[Tensor, "V 3"], upper: Int[Tensor, " U"]) -> None:
        super().__init__()
        self.neutral, self.upper = neutral[upper].double(), upper

    @classmethod
    def build(cls, context: FaceContext) -> "Fdd | None":
        """Measure on the rig's eyes and forehead, where it has any, against its neutral face."""
        return cls(context.neutral, context.upper) if len(context.upper) else None

    def update(
        self,
        pred: Float[Tensor, "T V 3"],
        target: Float[Tensor, "F V 3"],
        deviation: Float[Tensor, ""] | None = None,
    ) -> None:
        """Add one sequence, cut to the shorter side; `deviation` is given when already known."""
        known = self.deviation(pred, target) if deviation is None else deviation
        self.add(self._pooled(known), 1)

    def deviation(
        self, pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]
    ) -> Float[Tensor, ""]:
        """Return the signed deviation of one sequence."""
        pred, target = same_length(pred, target)
        return self._dynamics(target) - self._dynamics(pred)

    def observe(self, seen: Observation) -> None:
        """Compare generated with real vertices."""
        deviation = seen.once("fdd", lambda: self.deviation(seen.pred, seen.target))
        self.update(seen.pred, seen.target, deviation)

    def _pooled(self, deviation: Float[Tensor, ""]) -> Float[Tensor, ""]:
        return deviation

    def _dynamics(self, vertices: Float[Tensor, "T V 3"]) -> Float[Tensor, ""]:
        offset = squared_distance(take(vertices, self.upper), self.neutral)
        variance = (offset - offset.mean(0)).square().mean(0)
        return variance.sqrt().mean()


class FddAbs(Fdd):
    """The absolute value of `fdd` per sequence, mean over sequences."""

    spec = MetricSpec(
        id="fdd_abs",
        formula="| mean_(v in U) [std_t(||g - m||^2) - std_t(||p - m||^2)] |, ddof 0",
        unit="{u}^2",
        region="eyes and forehead",
        pooling="mean over sequences",
        better="lower",
        origin="FaceDiffuser compute_objective_metrics.py",
    )

    def _pooled(self, deviation: Float[Tensor, ""]) -> Float[Tensor, ""]:
        return deviation.abs()
