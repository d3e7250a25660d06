"""ARKit curves of moving vertices: bounded least squares over a whole sequence."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

from distill.errors import UserError
from distill.face.linear import LinearRig
from distill.face.names import mirrored
from distill.protocols import Rig

UPDATES = 60
TOLERANCE = 1e-10
CHUNK_FRAMES = 64
RIDGE = 1e-9
"""Added to the diagonal, relative to its mean, so that shapes that are alike do not fight."""
SIZES = (0.5, 2.0)
"""Vertices may be this much smaller or larger than the rig before their unit is doubted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Curves:
    """Motion of a rig that fits moving vertices.

    Attributes:
        motion: Weights of all channels, 0..1; head rotation is zero (F D).
        residual_mm: Root mean square distance of the vertices per frame (F).
    """

    motion: Float[np.ndarray, "F D"]
    residual_mm: Float[np.ndarray, " F"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Quadratic:
    """Half w H w - b w per frame, plus half `smooth` times squared changes between frames.

    Attributes:
        hessian: H (K K).
        linear: b of every frame (F K).
        smooth: Weight of the change of every variable (K).
    """

    hessian: Float[np.ndarray, "K K"]
    linear: Float[np.ndarray, "F K"]
    smooth: Float[np.ndarray, " K"]

    def product(self, weights: Float[np.ndarray, "F K"]) -> Float[np.ndarray, "F K"]:
        """Multiply with the matrix of the whole sequence."""
        out = weights @ self.hessian
        change = self.smooth * np.diff(weights, axis=0)
        out[:-1] -= change
        out[1:] += change
        return out

    def value(self, weights: Float[np.ndarray, "F K"]) -> float:
        """Return what is minimized."""
        return float(((0.5 * self.product(weights) - self.linear) * weights).sum())

    def banded(self) -> Float[np.ndarray, "..."]:
        """Return the matrix as `scipy.linalg.solveh_banded` wants its lower half (K+1, F*K)."""
        frames, size = self.linear.shape
        bands = np.zeros((size + 1, frames, size))
        for off in range(size):
            bands[off, :, : size - off] = np.diagonal(self.hessian, -off)
        ends = np.full((frames, 1), 2.0)
        ends[0] -= 1
        ends[-1] -= 1
        bands[0] += ends * self.smooth
        bands[size, :-1] = -self.smooth
        return bands.reshape(size + 1, -1)


def bounded(problem: Quadratic) -> Float[np.ndarray, "F K"]:
    """Minimize a quadratic for weights in 0..1 by projected Newton steps (Bertsekas 1982).

    Variables that press against a bound are held while the others take a Newton step over the
    whole sequence at once; its length is halved until the value falls.
    """
    bands = problem.banded()
    weights = np.zeros_like(problem.linear)
    scale = max(float(np.abs(problem.linear).max()), 1e-12)
    for _ in range(UPDATES):
        slope = problem.product(weights) - problem.linear
        held = ((weights <= 0) & (slope > 0)) | ((weights >= 1) & (slope < 0))
        slope[held] = 0.0
        if np.abs(slope).max() <= TOLERANCE * scale:
            break
        step = solveh_banded(_freed(bands, ~held.ravel()), -slope.ravel(), lower=True)
        weights = _descended(problem, weights, step.reshape(slope.shape), slope)
    return weights


def _freed(bands: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Replace rows and columns of held variables by those of the identity."""
    out = bands.copy()
    for off in range(len(bands)):
        out[off, : len(free) - off] *= free[: len(free) - off] & free[off:]
    out[0, ~free] = 1.0
    return out


def _descended(
    problem: Quadratic, weights: np.ndarray, step: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    value, length = problem.value(weights), 1.0
    while True:
        tried = (weights + length * step).clip(0, 1)
        gain = float((slope * (tried - weights)).sum())
        if problem.value(tried) <= value + 1e-4 * gain or length < 1e-6:
            return tried
        length /= 2


def fit_curves(
    vertices: Float[np.ndarray, "F V 3"],
    rig: Rig,
    *,
    smoothness: float = 0.01,
    symmetric: bool = False,
) -> Curves:
    """Fit the weights of a rig to moving vertices, for a whole sequence at once.

    Minimizes the mean squared distance of the vertices in mm^2 plus `smoothness` (mm^2) times the
    squared change of every weight from frame to frame, with all weights in 0..1.

    Args:
        vertices: Positions in the rig's order, units and frame, without motion of the head.
        rig: A rig that is linear in its channels.
        smoothness: 0 fits every frame alone; 0.1 and more calms measured vertices.
        symmetric: Whether channels of left and right are one.

    Raises:
        UserError: The vertices are not those of the rig, or some are not finite.
    """
    if not isinstance(rig, LinearRig):
        raise UserError(f"curves cannot be fitted to rig {rig.name!r}; use arkit, ict or mesh")
    neutral = rig.neutral.double().numpy()
    _check(vertices, neutral, rig.name)
    basis = rig.basis.double().flatten(1).numpy()
    join = _joined(rig.channels, np.abs(basis).max(1) > 0, symmetric)
    count = len(neutral)
    hessian = basis @ basis.T / count
    linear, square = np.zeros((len(vertices), len(basis))), np.zeros(len(vertices))
    for start in range(0, len(vertices), CHUNK_FRAMES):
        chunk = slice(start, start + CHUNK_FRAMES)
        moved = (vertices[chunk] - neutral).reshape(-1, 3 * count)
        linear[chunk] = moved @ basis.T / count
        square[chunk] = (moved**2).sum(1) / count
    inner = join.T @ hessian @ join
    inner += RIDGE * np.trace(inner) / len(inner) * np.eye(len(inner))
    smooth = smoothness * join.sum(0)
    weights = bounded(Quadratic(hessian=inner, linear=linear @ join, smooth=smooth)) @ join.T
    for i, j, share in rig.capped:
        weights[:, i] = np.minimum(weights[:, i], share * weights[:, j])
    left = square + ((weights @ hessian - 2 * linear) * weights).sum(1)
    return Curves(motion=weights.astype(np.float32), residual_mm=np.sqrt(left.clip(0)))


def _check(vertices: np.ndarray, neutral: np.ndarray, name: str) -> None:
    if vertices.shape[1:] != neutral.shape or not len(vertices):
        raise UserError(
            f"vertices of shape {vertices.shape} do not fit rig {name!r} with {len(neutral)} "
            "vertices; retarget your own mesh first and fit to that rig"
        )
    if not np.isfinite(vertices).all():
        frame = int(np.flatnonzero(~np.isfinite(vertices).all((1, 2)))[0])
        raise UserError(f"frame {frame} of the vertices has values that are not finite")
    size = float(np.ptp(vertices[0], axis=0).max() / np.ptp(neutral, axis=0).max())
    if not SIZES[0] < size < SIZES[1]:
        raise UserError(
            f"the vertices are {size:.3g} times as large as rig {name!r}; give them in its unit, mm"
        )


def _joined(channels: tuple[str, ...], used: np.ndarray, symmetric: bool) -> np.ndarray:
    """Return the matrix (D K) that spreads the fitted variables over the channels."""
    columns: dict[str, np.ndarray] = {}
    for i, name in enumerate(channels):
        if used[i]:
            key = min(name, mirrored(name)) if symmetric else name
            columns.setdefault(key, np.zeros(len(channels)))[i] = 1.0
    return np.stack(list(columns.values()), 1)
