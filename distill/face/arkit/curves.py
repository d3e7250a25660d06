"""Smooth building blocks of the head: steps, bumps and interpolated profiles."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

Array = np.ndarray
Real = float | int


def smoothstep(low: Real, high: Real, x: Array) -> Array:
    """C2 step from 0 at `low` to 1 at `high` (either order)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t**3 * (t * (6 * t - 15) + 10)


def bump(x: Array, y: Array, at: tuple[Real, Real], size: tuple[Real, Real]) -> Array:
    """Gaussian bump of height 1 at `at` with standard deviations `size`."""
    return np.exp(-0.5 * (((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2))


def pair(x: Array, y: Array, at: tuple[Real, Real], size: tuple[Real, Real]) -> Array:
    """Two mirrored bumps, one on each side of the face."""
    return bump(x, y, at, size) + bump(x, y, (-at[0], at[1]), size)


def profile(points: Sequence[tuple[Real, Real]], x: Array) -> Array:
    """Monotone cubic through `points`, constant outside their range."""
    knots = sorted(points)
    xs, ys = np.array([p[0] for p in knots]), np.array([p[1] for p in knots])
    return PchipInterpolator(xs, ys)(np.clip(x, xs[0], xs[-1]))
