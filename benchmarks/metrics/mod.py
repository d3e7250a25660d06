"""Mouth opening difference (StreamingTalker)."""

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


class Mod(FaceMetric):
    """Mean over frames and lip pairs of the difference in distance between facing lips."""

    spec = MetricSpec(
        id="mod",
        formula="mean_(t, pairs) | ||p_up - p_low|| - ||g_up - g_low|| |",
        unit="{u}",
        region="facing lip pairs",
        pooling="frames of all sequences",
        better="lower",
        origin="StreamingTalker",
    )

    def __init__(self, lip_pairs: Int[Tensor, "P 2"]) -> None:
        super().__init__()
        self.lip_pairs = lip_pairs

    @classmethod
    def build(cls, context: FaceContext) -> "Mod | None":
        """Measure on the rig's lip pairs."""
        return cls(context.lip_pairs) if len(context.lip_pairs) else None

    def update(self, pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]) -> None:
        """Add one sequence; the longer side is cut to the shorter."""
        pred, target = same_length(pred, target)
        difference = (self._opening(pred) - self._opening(target)).abs()
        self.add(difference.sum(), difference.numel())

    def observe(self, seen: Observation) -> None:
        """Compare generated with real vertices."""
        self.update(seen.pred, seen.target)

    def _opening(self, vertices: Float[Tensor, "T V 3"]) -> Float[Tensor, "T P"]:
        upper, lower = self.lip_pairs.unbind(1)
        return squared_distance(take(vertices, upper), take(vertices, lower)).sqrt()
