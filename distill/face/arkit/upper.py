"""Displacement fields of lids, eyes and brows, in mm at weight 1; none reaches the lips."""

from collections.abc import Callable

import numpy as np

from distill.face.arkit.curves import Array, Real, bump, smoothstep
from distill.face.arkit.layout import LID_T, Points, lid_opening
from distill.face.arkit.surface import EYE, EYE_RADIUS, lid_surface

YAW_RAD, PITCH_RAD = 0.60, 0.52
"""Turn of the eye at a look weight of 1, as in recorded Live Link Face files."""
CLOSED_SHARE = 0.28
"""Where the closed lids meet: share of the opening, from the lower edge."""


def _mask(points: Points) -> Array:
    return smoothstep(-38, -20, points.v) * smoothstep(0.1, 0.5, np.cos(points.theta))


def _left_lid(points: Points) -> Array:
    return (points.lid <= LID_T[-1]) & (points.x > 0)


def _lid(points: Points, rest: Array, upper_share: float, lower_share: float) -> Array:
    """Move the lids of the left eye toward (1) or away from (-) the line where they meet."""
    edge = lid_opening(points.lid_angle)
    low = lid_opening(-points.lid_angle)
    sine = np.sin(points.lid_angle)
    top, bottom = (
        np.where(sine >= 0, edge[:, 1], low[:, 1]),
        np.where(sine >= 0, low[:, 1], edge[:, 1]),
    )
    meet = bottom + CLOSED_SHARE * (top - bottom)
    share = np.where(sine >= 0, upper_share, lower_share)
    reach = 1 - smoothstep(0.0, 1.0, np.maximum(points.lid, 0) / np.where(sine >= 0, 0.75, 0.6))
    lid = _left_lid(points)
    travel = np.where(lid, share * (meet - edge[:, 1]) * reach, 0.0)
    y = points.v + travel
    over = np.where(lid, lid_surface(points.x, y) - lid_surface(points.x, points.v), 0.0)
    blend = (1 - smoothstep(0.35, 1.0, np.maximum(points.lid, 0))) * lid
    return np.stack([0 * travel, travel, over * blend], -1)


def blink(points: Points, rest: Array) -> Array:
    """Close the left eye: the upper lid comes down most of the way."""
    return _lid(points, rest, 1.0, 1.0)


def squint(points: Points, rest: Array) -> Array:
    """Narrow the left eye, mostly from below."""
    fold = bump(points.x, points.v, (34, -13), (11, 5))
    lids = _lid(points, rest, 0.22, 1.35)
    return lids + np.stack([0 * fold, 1.6 * fold, 0.8 * fold], -1) * _mask(points)[:, None]


def wide(points: Points, rest: Array) -> Array:
    """Open the left eye wide."""
    return _lid(points, rest, -0.40, -0.35)


def look(up: float) -> Callable[[Points, Array], Array]:
    """Lids follow the gaze up (+1) or down (-1)."""
    shares = (-0.30, 0.25) if up > 0 else (0.50, -0.75)
    return lambda points, rest: _lid(points, rest, *shares)


def brow_down(points: Points, rest: Array) -> Array:
    """Lower the left brow and draw it inward."""
    m = bump(points.x, points.v, (20, 19), (13, 8)) + 0.4 * bump(
        points.x, points.v, (42, 22), (10, 8)
    )
    m = m * _mask(points) * _above_lid(points)
    return np.stack([-2.2 * m * smoothstep(0, 12, points.x), -6.0 * m, 1.0 * m], -1)


def brow_inner_up(points: Points, rest: Array) -> Array:
    """Raise the inner ends of both brows."""
    x, v = points.x, points.v
    m = bump(x, v, (13, 21), (10, 9)) + bump(x, v, (-13, 21), (10, 9))
    m += 0.35 * (bump(x, v, (10, 42), (16, 10)) + bump(x, v, (-10, 42), (16, 10)))
    m = m * _mask(points) * _above_lid(points)
    return np.stack([0 * m, 7.0 * m, 0.8 * m], -1)


def brow_outer_up(points: Points, rest: Array) -> Array:
    """Raise the outer half of the left brow."""
    m = bump(points.x, points.v, (41, 23), (12, 9)) + 0.3 * bump(
        points.x, points.v, (38, 42), (14, 10)
    )
    m = m * _mask(points) * _above_lid(points)
    return np.stack([0 * m, 6.5 * m, 0.3 * m], -1)


def _above_lid(points: Points) -> Array:
    """1 at the brow, 0 on the edge of the lids and below."""
    lids = np.where(points.lid <= 1, smoothstep(0.2, 1.0, points.lid), 1.0)
    return lids * smoothstep(-4, 12, points.v)


def turn(rest: Array, yaw_rad: Real, pitch_rad: Real) -> Array:
    """Displacement of the left eyeball turned to its left (yaw) and up (pitch)."""
    d = rest - np.array(EYE)
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    turned = np.stack([cy * d[:, 0] + sy * d[:, 2], d[:, 1], -sy * d[:, 0] + cy * d[:, 2]], -1)
    y, z = turned[:, 1].copy(), turned[:, 2].copy()
    turned[:, 1], turned[:, 2] = cp * y + sp * z, -sp * y + cp * z
    return turned - d


EYEBALL: dict[str, Callable[[Array], Array]] = {
    "eyeLookInLeft": lambda rest: turn(rest, -YAW_RAD, 0),
    "eyeLookOutLeft": lambda rest: turn(rest, YAW_RAD, 0),
    "eyeLookUpLeft": lambda rest: turn(rest, 0, PITCH_RAD),
    "eyeLookDownLeft": lambda rest: turn(rest, 0, -PITCH_RAD),
    "eyeBlinkLeft": lambda rest: np.zeros_like(rest) - np.array([0, 0, 0.12 * EYE_RADIUS]),
}
"""How the left eyeball follows a shape; it draws back a little in a blink."""

LEFT: dict[str, Callable[[Points, Array], Array]] = {
    "eyeBlinkLeft": blink, "eyeSquintLeft": squint, "eyeWideLeft": wide, "eyeLookUpLeft": look(1.0),
    "eyeLookDownLeft": look(-1.0), "browDownLeft": brow_down, "browOuterUpLeft": brow_outer_up,
}  # fmt: skip
MIDDLE: dict[str, Callable[[Points, Array], Array]] = {"browInnerUp": brow_inner_up}
