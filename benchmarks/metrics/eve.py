"""Eye-region vertex error (EmoTalk, EmoFace)."""

from benchmarks.metrics.base import FaceContext, MetricSpec
from benchmarks.metrics.lve import RegionError


class Eve(RegionError):
    """Upper-face error: the formula of `lve` over eyes and forehead."""

    spec = MetricSpec(
        id="eve",
        formula="mean_t max_(v in U) ||p - g||^2",
        unit="{u}^2",
        region="eyes and forehead",
        pooling="frames of all sequences",
        better="lower",
        origin="EmoTalk; EmoFace",
    )

    @classmethod
    def build(cls, context: FaceContext) -> "Eve | None":
        """Measure on the rig's eyes and forehead, where it has any."""
        return cls(context.upper) if len(context.upper) else None
