"""Fréchet motion distance: how far generated windows lie from real ones as a distribution."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import FaceContext, FaceMetric, Measure, MetricSpec, Observation
from benchmarks.windows import WindowSpace

VARIANTS = {
    "fmd": ("all", "moving channels"),
    "fmd_upper": ("upper", "moving channels but the mouth's"),
    "fmd_velocity": ("velocity", "velocities of moving channels but the mouth's, of all where "
                     "only the mouth moves"),
}  # fmt: skip
"""Coordinates of the windows and region, by id."""


class FrechetMotionDistance(FaceMetric):
    """Fréchet distance between generated windows and training truth, both as Gaussians.

    Few windows alone give a distance above 0: compare with what recorded motion of the same clips
    gives, the floor.
    """

    spec = MetricSpec(
        id="fmd",
        formula="||m||^2 + tr(C + I - 2 C^(1/2)), m and C mean and covariance of 1 s windows (a "
        "third apart) on 40 principal components of training truth, whitened by it; floor: the "
        "row of recorded motion",
        unit="1",
        region="",
        pooling="windows of the split",
        better="lower",
        origin="Fréchet distance (Dowson and Landau 1982), as FID (arXiv 1706.08500)",
    )
    outer: Tensor

    def __init__(self, windows: WindowSpace) -> None:
        components = windows.directions.shape[1]
        super().__init__((components,))
        self.add_sum("outer", (components, components))
        self.windows = windows

    @classmethod
    def measures(cls) -> list[Measure]:
        """Return the distance of all channels, of the upper face and of velocities."""
        return [
            Measure(
                spec=replace(cls.spec, id=name, region=region),
                build=partial(cls.build_on, coordinates=coordinates),
            )
            for name, (coordinates, region) in VARIANTS.items()
        ]

    @classmethod
    def build_on(cls, context: FaceContext, coordinates: str) -> "FrechetMotionDistance | None":
        """Measure in coordinates that could be fitted on training truth."""
        windows = context.windows.get(coordinates)
        return None if windows is None else cls(windows)

    def update(self, features: Float[np.ndarray, "N K"]) -> None:
        """Add windows, in the coordinates of training truth."""
        values = torch.from_numpy(features).double()
        self.add(values.sum(0), len(values))
        self.outer = self.outer + (values.T @ values).to(self.outer.device)

    def observe(self, seen: Observation) -> None:
        """Look at the windows of the generated motion, as many as the real motion has."""
        frames = len(seen.motion) if seen.truth is None else len(seen.truth)
        self.update(self.windows.features(seen.motion[:frames]))

    def compute(self) -> Float[Tensor, ""]:
        """Return the distance; NaN with fewer than two windows."""
        if self.count < 2:
            return torch.full_like(self.count, torch.nan)
        mean = self.total / self.count
        covariance = (self.outer - self.count * torch.outer(mean, mean)) / (self.count - 1)
        deviations = torch.linalg.eigvalsh(covariance).clamp(min=0).sqrt()
        # Training truth is N(0, I), so that C and I commute and the trace is a sum of squares.
        return mean.square().sum() + (deviations - 1).square().sum()
