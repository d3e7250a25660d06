"""Lip vertex error (CodeTalker; torchmetrics) and its root-mean-square sibling (ARTalk)."""

from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics.functional.multimodal.lve import lip_vertex_error

from benchmarks.metrics.base import (
    MM_PER_UNIT,
    FaceContext,
    FaceMetric,
    MetricSpec,
    Observation,
    same_length,
    squared_distance,
    take,
)


class RegionError(FaceMetric):
    """Mean over frames of the largest squared vertex distance in a region."""

    def __init__(self, region: Int[Tensor, " L"]) -> None:
        super().__init__()
        if len(region) == 0:
            raise ValueError("the vertex region is empty")
        self.region = region

    def update(self, pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]) -> None:
        """Add one sequence; the longer side is cut to the shorter."""
        self.add(*region_error(pred, target, self.region))

    def observe(self, seen: Observation) -> None:
        """Compare generated with real vertices."""
        self.update(seen.pred, seen.target)


class Lve(RegionError):
    """Lip vertex error: mean_t max_L ||p - g||^2, frames of all sequences pooled, no root.

    Each sequence goes through torchmetrics' own `lip_vertex_error`; only sums are kept, where
    `torchmetrics.multimodal.LipVertexError` keeps every vertex and cannot be merged when
    processes hold different numbers of sequences.
    """

    spec = MetricSpec(
        id="lve",
        formula="mean_t max_(v in L) ||p - g||^2",
        unit="{u}^2",
        region="lips",
        pooling="frames of all sequences",
        better="lower",
        origin="CodeTalker cal_metric.py; torchmetrics LipVertexError",
    )

    @classmethod
    def build(cls, context: FaceContext) -> "Lve | None":
        """Measure on the rig's lips."""
        return cls(context.lips)

    def update(self, pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]) -> None:
        """Add one sequence; the longer side is cut to the shorter."""
        pred, target = same_length(pred, target)
        lips, real = take(pred, self.region), take(target, self.region)
        value = lip_vertex_error(lips, real, list(range(len(self.region))))
        self.add(value * len(pred), len(pred))


class LveRms(FaceMetric):
    """Root-mean-square lip error: sqrt(mean_t max_L ||p - g||^2) in mm, mean over sequences."""

    spec = MetricSpec(
        id="lve_rms_mm",
        formula="sqrt(mean_t max_(v in L) ||p - g||^2)",
        unit="mm",
        region="lips",
        pooling="mean over sequences",
        better="lower",
        origin="ARTalk metrics.py",
    )

    def __init__(self, region: Int[Tensor, " L"], mm_per_unit: float = 1.0) -> None:
        super().__init__()
        self.region, self.mm_per_unit = region, mm_per_unit

    @classmethod
    def build(cls, context: FaceContext) -> "LveRms | None":
        """Measure on the rig's lips, in mm whatever its unit of length; None for pixels."""
        scale = MM_PER_UNIT.get(context.unit)
        return None if scale is None else cls(context.lips, scale)

    def update(self, pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]) -> None:
        """Add one sequence; the longer side is cut to the shorter."""
        total, frames = region_error(pred, target, self.region)
        self.add((total / frames).sqrt() * self.mm_per_unit, 1)

    def observe(self, seen: Observation) -> None:
        """Compare generated with real vertices."""
        self.update(seen.pred, seen.target)


def region_error(
    pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"], region: Int[Tensor, " L"]
) -> tuple[Float[Tensor, ""], int]:
    """Return the sum over frames of the largest squared distance in float64, and the frames."""
    pred, target = same_length(pred, target)
    worst = squared_distance(take(pred, region), take(target, region)).amax(1)
    return worst.sum(), len(pred)
