"""Displacement fields of the mouth and jaw shapes over skin layout, in mm at weight 1.

Every field is smooth in the layout (x, y) except across the line between the lips, where it may
jump. So that lips never pass through each other, each shape but `mouthClose` moves the upper lip
no lower than the lower one there, and `mouthClose` takes back exactly what `jawOpen` opened.
The fields live in elliptic coordinates about that line: `sine` is +1 above the middle of the
mouth, -1 below it and 0 beside the corners; `mu` grows outward.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from distill.face.arkit.curves import Array, Real, bump, smoothstep
from distill.face.arkit.layout import SLIT_X, Points, slit_y

HINGE = (-15.0, 8.0)
"""Height and depth of the jaw joint."""
JAW_RAD = 0.275
BLUNT = 0.5
"""Keeps the slope of the fields bounded at the corners of the mouth (0 would not)."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a vertex is for the fields: layout x and y, rest z, and mouth coordinates."""

    x: Array
    y: Array
    rest: Array
    sine: Array
    mu: Array
    below: Array
    front: Array
    mouth: Array


def place(points: Points, rest: Array) -> Place:
    """Work out the field coordinates of laid-out vertices."""
    height = points.v - slit_y(points.x)
    height = np.where(points.lip <= 0, points.side * 1e-9, height)
    inside = np.where(points.lip <= 0, np.clip(points.x, -SLIT_X, SLIT_X), points.x)
    w = np.arccosh((inside + 1j * height) / SLIT_X)
    corner = (points.lip <= 0) & (points.side == 0)
    sine = np.where(corner, 0.0, np.sin(np.imag(w)))
    sine *= np.abs(sine) * np.sqrt((1 + BLUNT**2) / (sine**2 + BLUNT**2))
    front = smoothstep(-0.05, 0.5, np.cos(points.theta))
    mouth = front * (1 - smoothstep(-30, -12, points.v)) * smoothstep(-150, -122, points.v)
    return Place(x=points.x, y=points.v, rest=rest, sine=sine, mu=np.where(corner, 0, np.real(w)),
                 below=height, front=front, mouth=mouth)  # fmt: skip


def vector(p: Place, x: Array | Real = 0.0, y: Array | Real = 0.0, z: Array | Real = 0.0) -> Array:
    """Stack a displacement that vanishes outside the lower face (N 3)."""
    zero = np.zeros_like(p.x)
    return np.stack([zero + x, zero + y, zero + z], -1) * p.mouth[:, None]


def near(p: Place, reach: float) -> Array:
    """1 on the lips, fading outward with `mu`."""
    return np.exp(-((p.mu / reach) ** 2))


def side(p: Place, width: float = 11.0) -> Array:
    """1 on the character's left, 0 on the right; both sides sum to 1."""
    return smoothstep(-width, width, p.x)


def lower(p: Place) -> Array:
    """1 in the middle of the lower lip, 0 on the upper lip."""
    return (0.5 - 0.5 * p.sine) ** 3


def upper(p: Place) -> Array:
    """1 in the middle of the upper lip, 0 on the lower lip."""
    return (0.5 + 0.5 * p.sine) ** 3


def jaw_weight(p: Place) -> Array:
    """Share of the jaw's motion a vertex follows."""
    close = 0.40 - 0.5 * p.sine + 0.10 * p.sine**2
    far = smoothstep(-42, -92, p.y) * smoothstep(-10, 45, p.rest[:, 2])
    blend = near(p, 0.62)
    return (blend * close + (1 - blend) * far) * p.mouth


def jaw_turn(rest: Array, angle: float = JAW_RAD) -> Array:
    """Displacement of points that turn with the jaw about its joint (N 3)."""
    dy, dz = rest[:, 1] - HINGE[0], rest[:, 2] - HINGE[1]
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([0 * dy, c * dy - s * dz - dy, s * dy + c * dz - dz], -1)


def jaw_open(p: Place) -> Array:
    """Turn the jaw down, corners of the mouth drawn in a little."""
    narrow = vector(p, x=-3.0 * np.tanh(p.x / 22) * bump(np.abs(p.x), p.y, (28, -72), (11, 14)))
    return jaw_turn(p.rest) * jaw_weight(p)[:, None] + narrow


def mouth_close(p: Place) -> Array:
    """Bring the lips together over the open jaw: exactly the gap `jawOpen` makes, shared 3 to 1."""
    share = (0.5 * p.sine - 0.25 * p.sine**2) * near(p, 0.70)
    gap = jaw_turn(np.stack([p.x, slit_y(p.x), p.rest[:, 2]], -1))
    return gap * (share * p.mouth)[:, None]


def funnel(p: Place) -> Array:
    """Open the lips to a forward-facing ring."""
    m, wide = near(p, 0.85), np.tanh(p.x / 30)
    flare = 1 + 0.25 * np.tanh(np.abs(p.below) / 6)
    return vector(p, x=-9.0 * wide * m, y=(5.0 * p.sine - 0.6) * m,
                  z=7.5 * m * flare * (1 - 0.35 * wide**2))  # fmt: skip


def pucker(p: Place) -> Array:
    """Draw the corners in and push the closed lips forward."""
    m, wide = near(p, 0.85), np.tanh(p.x / 30)
    return vector(p, x=-14.5 * wide * m, y=1.6 * np.tanh(p.below / 5) * near(p, 0.6) + 0.3 * m,
                  z=8.5 * m * (1 - 0.5 * wide**2))  # fmt: skip


def roll(p: Place, sign: float) -> Array:
    """Turn one lip inward over the teeth (`sign` +1 the upper, -1 the lower)."""
    share = upper(p) if sign > 0 else lower(p)
    height = p.below * smoothstep(0, 3, sign * p.below)
    return vector(p, y=-0.95 * height * np.exp(-((p.below / 9.5) ** 2)) * (1 - (p.x / 45) ** 2),
                  z=-3.6 * share * np.exp(-((p.below / 7) ** 2)))  # fmt: skip


def shrug_lower(p: Place) -> Array:
    """Push chin and lower lip up; the upper lip gives way."""
    m = bump(p.x, p.y, (0, -80), (15, 15)) * (1 - smoothstep(-66, -50, p.y))
    lip = bump(p.x, p.y, (0, -72), (13, 6))
    return vector(p, y=4.2 * m, z=2.6 * lip * lower(p) + 0.8 * bump(p.x, p.y, (0, -100), (11, 8)))


def shrug_upper(p: Place) -> Array:
    """Push the upper lip up and forward; the lower lip follows."""
    m = bump(p.x, p.y, (0, -66), (14, 8))
    return vector(p, y=2.6 * m, z=2.2 * m * upper(p))


def press(p: Place) -> Array:
    """Press the lips of the left side together: the red grows thin, the corner tucks in."""
    m = near(p, 0.55) * side(p) * np.exp(-((p.x / 30) ** 4))
    return vector(p, x=1.2 * m * np.tanh(p.x / 20), y=-2.0 * np.tanh(p.below / 4) * m, z=-1.6 * m)


def lower_down(p: Place) -> Array:
    """Draw the lower lip of the left side down."""
    m = lower(p) * near(p, 0.7) * side(p) * np.exp(-((p.x / 24) ** 4))
    return vector(p, y=-8.0 * m, z=-0.8 * m, x=0.8 * m)


def upper_up(p: Place) -> Array:
    """Raise the upper lip of the left side and the fold beside the nose."""
    m = upper(p) * near(p, 0.6) * side(p) * np.exp(-((p.x / 24) ** 4))
    fold = bump(p.x, p.y, (21, -50), (6, 7))
    return vector(p, y=6.0 * m + 1.5 * fold, z=0.4 * m + 1.2 * fold)


def smile(p: Place) -> Array:
    """Pull the left corner up, out and back; the cheek rises."""
    corner = bump(p.x, p.y, (29, -68), (12.5, 13))
    cheek = bump(p.x, p.y, (39, -38), (12, 11))
    thin = near(p, 0.5) * side(p) * (1 - corner)
    return vector(p, x=7.5 * corner + 0.8 * cheek, y=8.0 * corner + 3.2 * cheek
                  - 0.9 * np.tanh(p.below / 4) * thin, z=-3.5 * corner + 3.2 * cheek)  # fmt: skip


def frown(p: Place) -> Array:
    """Pull the left corner down."""
    corner = bump(p.x, p.y, (27, -73), (11, 13))
    return vector(p, x=1.0 * corner, y=-7.0 * corner, z=-0.8 * corner)


def dimple(p: Place) -> Array:
    """Pull the left corner back and in against the teeth."""
    corner = bump(p.x, p.y, (28, -70), (10, 10))
    return vector(p, x=4.0 * corner, y=0.8 * corner, z=-4.0 * corner)


def stretch(p: Place) -> Array:
    """Pull the left corner sideways and slightly down."""
    corner = bump(p.x, p.y, (28, -73), (13, 14))
    neck = bump(p.x, p.y, (34, -104), (12, 10))
    return vector(p, x=8.0 * corner + 2 * neck, y=-2.5 * corner - 2 * neck, z=-3.2 * corner)


def sideways(p: Place) -> Array:
    """Shift the mouth to the character's left."""
    m = near(p, 0.95)
    return vector(p, x=8.0 * m, y=1.2 * m * np.tanh(p.x / 20), z=-0.08 * np.tanh(p.x / 20) * 20 * m)


def cheek_puff(p: Place) -> Array:
    """Blow up both cheeks and the skin around the lips."""
    left, right = (bump(p.x, p.y, (s * 45, -62), (14, 16)) for s in (1, -1))
    lips = bump(p.x, p.y, (0, -70), (20, 14))
    return vector(p, x=7.0 * (left - right), z=6.0 * (left + right) + 2.5 * lips)


def cheek_squint(p: Place) -> Array:
    """Raise the left cheek."""
    m = (
        bump(p.x, p.y, (37, -26), (12, 8))
        * smoothstep(-62, -45, p.y)
        * (1 - smoothstep(-16, -6, p.y))
    )
    return np.stack([0 * m, 4.0 * m, 2.0 * m], -1) * p.front[:, None]


def nose_sneer(p: Place) -> Array:
    """Raise the left wing of the nose and the upper lip beneath it."""
    wing = bump(p.x, p.y, (14, -43), (5.5, 8))
    bridge = bump(p.x, p.y, (9, -14), (5, 8)) * (1 - smoothstep(-12, -2, p.y))
    lip = upper(p) * bump(p.x, p.y, (14, -62), (8, 6))
    top = 1 - smoothstep(-12, -2, p.y)
    return np.stack([1.0 * wing, 3.5 * wing + 1.8 * bridge + 2.0 * lip, 1.0 * wing + 0.6 * bridge],
                    -1) * (p.front * top)[:, None]  # fmt: skip


LEFT: dict[str, Callable[[Place], Array]] = {
    "mouthSmileLeft": smile, "mouthFrownLeft": frown, "mouthDimpleLeft": dimple,
    "mouthStretchLeft": stretch, "mouthPressLeft": press, "mouthLowerDownLeft": lower_down,
    "mouthUpperUpLeft": upper_up, "mouthLeft": sideways, "cheekSquintLeft": cheek_squint,
    "noseSneerLeft": nose_sneer,
}  # fmt: skip
"""Shapes of the character's left side; the right ones are their mirror images."""

MIDDLE: dict[str, Callable[[Place], Array]] = {
    "jawOpen": jaw_open, "mouthClose": mouth_close, "mouthFunnel": funnel, "mouthPucker": pucker,
    "mouthRollUpper": lambda p: roll(p, 1.0), "mouthRollLower": lambda p: roll(p, -1.0),
    "mouthShrugLower": shrug_lower, "mouthShrugUpper": shrug_upper, "cheekPuff": cheek_puff,
}  # fmt: skip
"""Shapes symmetric about the middle plane."""
