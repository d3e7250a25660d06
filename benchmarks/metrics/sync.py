"""Whether the mouth opens with the voice, and how late."""

import numpy as np
from jaxtyping import Float

from benchmarks.metrics.base import FaceContext, FaceMetric, MetricSpec, Observation
from distill.audio.sync import lag_curve, peak


class SyncMetric(FaceMetric):
    """Mean over clips of a number read from the lag curve of lip gap against loudness."""

    def __init__(self, fps: float) -> None:
        super().__init__()
        self.fps = fps

    @classmethod
    def build(cls, context: FaceContext) -> "SyncMetric | None":
        """Measure at the corpus's frame rate, where the rig has lips that face each other."""
        return cls(context.fps) if len(context.lip_pairs) else None

    def observe(self, seen: Observation) -> None:
        """Look at the generated lip gap and the audio."""
        self.update(seen.lip_gap_mm, seen.audio)


class SyncR(SyncMetric):
    """Correlation of lip gap with log audio envelope inside speech; a still mouth counts as 0."""

    spec = MetricSpec(
        id="sync_r",
        formula="Pearson r of lip gap and log envelope (100 ms) inside speech, lag 0",
        unit="1",
        region="facing lip pairs",
        pooling="mean over clips",
        better="higher",
        origin="ours",
    )

    def update(self, lip_gap_mm: Float[np.ndarray, " T"], audio: Float[np.ndarray, " S"]) -> None:
        """Add one clip; silent clips do not count."""
        curve = lag_curve(lip_gap_mm, audio, self.fps)
        if curve is not None:
            self.add(float(np.nan_to_num(curve[len(curve) // 2])), 1)


class SyncLag(SyncMetric):
    """Lag of the correlation's peak within 300 ms, positive when motion is late."""

    spec = MetricSpec(
        id="sync_lag_ms",
        formula="argmax over +-300 ms of the correlation of sync_r; positive = motion late",
        unit="ms",
        region="facing lip pairs",
        pooling="mean over clips",
        better="zero",
        origin="ours",
    )

    def update(self, lip_gap_mm: Float[np.ndarray, " T"], audio: Float[np.ndarray, " S"]) -> None:
        """Add one clip; silent clips and still mouths do not count."""
        curve = lag_curve(lip_gap_mm, audio, self.fps)
        if curve is not None and np.isfinite(curve).any():
            self.add(1000.0 * peak(curve) / self.fps, 1)
