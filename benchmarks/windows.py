"""One-second windows of motion in a few coordinates in which training truth is standard normal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

COMPONENTS = 40
BLOCK_WINDOWS = 1024
LEAST_VARIANCE = 1e-9
"""Components with a smaller share of the first one's variance are rounding, not motion."""
LEAST_SPEED = 1e-3
"""Channels whose speed, in normalized units per frame, varies less are not scaled up further."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowSpace:
    """Whitened principal components of windows: training truth has mean 0 and covariance I here.

    Attributes:
        columns: Channels that the windows hold.
        scale: What each of them is divided by, in rig units.
        frames: Frames of a window.
        hop: Frames from one window to the next.
        velocity: Whether differences between frames are looked at, not positions.
        center: Mean window of training truth, flattened.
        directions: Principal components, each divided by its deviation.
    """

    columns: Int[np.ndarray, " C"]
    scale: Float[np.ndarray, " C"]
    frames: int
    hop: int
    velocity: bool
    center: Float[np.ndarray, " W"]
    directions: Float[np.ndarray, "W K"]

    @classmethod
    def fit(
        cls,
        motions: Sequence[np.ndarray],
        *,
        columns: Sequence[int],
        scale: Float[np.ndarray, " D"],
        fps: float,
        velocity: bool = False,
        components: int = COMPONENTS,
    ) -> "WindowSpace | None":
        """Fit on true motions (each F D, raw); None with no channels or fewer than two windows.

        Args:
            motions: Training truth.
            columns: Channels to look at.
            scale: Deviation of every channel over training truth.
            fps: Frames per second; a window is a second long, the next begins a third later.
            velocity: Look at differences between frames, each channel divided by their deviation.
            components: Most principal components; fewer where the windows span fewer.
        """
        chosen, frames = np.asarray(columns, np.int64), round(fps)
        if not len(chosen):
            return None
        units = np.asarray(scale, np.float64)[chosen]
        if velocity:
            steps = [np.diff(motion[:, chosen].astype(np.float64), axis=0) for motion in motions]
            units = np.maximum(np.concatenate(steps).std(0, ddof=1), LEAST_SPEED * units)
        width = (frames - velocity) * len(chosen)
        space = cls(
            columns=chosen, scale=units, frames=frames, hop=max(1, round(frames / 3)),
            velocity=velocity, center=np.zeros(width), directions=np.zeros((width, 0)),
        )  # fmt: skip
        return space._fitted(motions, components)

    def features(self, motion: Float[np.ndarray, "F D"]) -> Float[np.ndarray, "N K"]:
        """Return the coordinates of every window of raw motion; none where it is too short."""
        return (self._windows(motion) - self.center) @ self.directions

    def _windows(self, motion: Float[np.ndarray, "F D"]) -> Float[np.ndarray, "N W"]:
        values = motion[:, self.columns].astype(np.float64) / self.scale
        if self.velocity:
            values = np.diff(values, axis=0)
        frames = self.frames - self.velocity
        if len(values) < frames:
            return np.zeros((0, len(self.center)))
        cut = np.lib.stride_tricks.sliding_window_view(values, frames, axis=0)[:: self.hop]
        return cut.transpose(0, 2, 1).reshape(len(cut), -1)

    def _fitted(self, motions: Sequence[np.ndarray], components: int) -> "WindowSpace | None":
        from scipy.linalg import eigh

        width = len(self.center)
        total, squares, count = np.zeros(width), np.zeros((width, width)), 0
        for block in _blocks(self._windows(motion) for motion in motions):
            total += block.sum(0)
            squares += block.T @ block
            count += len(block)
        kept = min(components, width, count - 1)
        if kept < 1:
            return None
        center = total / count
        covariance = (squares - count * np.outer(center, center)) / (count - 1)
        variance, vectors = eigh(covariance, subset_by_index=(width - kept, width - 1))
        real = variance > LEAST_VARIANCE * max(variance[-1], 0.0)
        if not real.any():
            return None
        directions = (vectors[:, real] / np.sqrt(variance[real]))[:, ::-1]
        return replace(self, center=center, directions=directions)


def nearest_distance(
    windows: Float[np.ndarray, "N K"], others: Float[np.ndarray, "M K"]
) -> Float[np.ndarray, " N"]:
    """Return the distance of each window to the nearest of the others; infinite without any."""
    if not len(others):
        return np.full(len(windows), np.inf)
    from scipy.spatial.distance import cdist

    return cdist(windows, others).min(1) if len(windows) else np.zeros(0)


def _blocks(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Join pieces to blocks: one product of many windows is far quicker than many of a few."""
    waiting: list[np.ndarray] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= BLOCK_WINDOWS:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)
