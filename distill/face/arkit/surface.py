"""The skin surface of the head: a skull of horizontal slices plus anatomical bumps.

Layout coordinates: `theta` is the polar angle about the vertical axis (0 is the front, positive
to the character's left), `v` runs up the surface and equals the height y in the face. Lengths in
mm; the eye line is y = 0, the ears lie near z = 0, the face looks along +z.
"""

import numpy as np

from distill.face.arkit.curves import Array, bump, pair, profile, smoothstep

EYE = (32.0, 0.0, 72.5)
"""Centre of the left eyeball."""
EYE_RADIUS = 12.3

CROWN_V, CROWN_LENGTH = 35.0, 137.0
WIDTH = ((35, 75), (20, 74.5), (0, 72.5), (-20, 70), (-40, 67.5), (-60, 64.5), (-80, 60.5),
         (-95, 54.5), (-105, 49), (-112, 44.5), (-130, 40))  # fmt: skip
FRONT = ((35, 97.5), (20, 97), (8, 93.5), (0, 91.5), (-20, 91), (-40, 91), (-60, 91.5), (-80, 91),
         (-95, 90), (-104, 87.5), (-109, 83.5), (-113, 76), (-130, 60))  # fmt: skip
BACK = ((35, 100), (0, 98), (-20, 93), (-40, 86), (-60, 79), (-80, 73), (-95, 70), (-130, 66))
EXPONENT = ((35, 2.35), (10, 2.5), (-20, 2.4), (-50, 2.2), (-80, 2.1), (-112, 2.05))
HAIRLINE = ((0, 70), (20, 71), (38, 60), (52, 52), (62, 30), (72, 0), (80, -14), (84, 0), (98, 8),
            (112, -30), (130, -62), (180, -72))  # fmt: skip
"""Height of the hairline by polar angle in degrees."""
NOSE_HEIGHT = ((12, 0), (5, 1.2), (-2, 3.5), (-10, 7.5), (-20, 12.5), (-30, 17.5), (-37, 20.5),
               (-41.5, 21), (-45, 17.5), (-48, 10), (-51, 3.5), (-55.5, 0))  # fmt: skip
NOSE_WIDTH = ((12, 8), (0, 8.5), (-15, 9.5), (-30, 10.5), (-40, 9.8), (-48, 7.2), (-55, 7))


def slice_radius(theta: Array, width: Array, front: Array, back: Array, power: Array) -> Array:
    """Radius of a superellipse slice with different depths in front and behind."""
    depth = np.where(np.cos(theta) > 0, front, back)
    power = np.where(np.cos(theta) > 0, power, 2.2)
    terms = np.abs(np.sin(theta) / width) ** power + np.abs(np.cos(theta) / depth) ** power
    return terms ** (-1 / power)


def jaw_border(theta: Array) -> Array:
    """Height `v` of the lower edge of the jaw."""
    return profile(((0, -112), (14, -112), (45, -99), (76, -78), (100, -62), (180, -58)),
                   np.degrees(np.abs(theta)))  # fmt: skip


def base(theta: Array, v: Array) -> Array:
    """Skull, jaw and neck without features (N 3)."""
    alpha = np.clip((v - CROWN_V) / CROWN_LENGTH, 0, 1) * np.pi / 2
    shrink = np.maximum(np.cos(alpha), 1e-3)
    border = jaw_border(theta)
    below = np.maximum(border - v, 0)
    run = profile(((0, 42), (45, 30), (80, 18), (180, 30)), np.degrees(np.abs(theta)))
    flat = profile(((0, 0.72), (60, 0.35), (90, 0.0), (180, 0.0)), np.degrees(np.abs(theta)))
    drop = below - flat * run * (1 - np.exp(-below / run))
    y = np.where(v > CROWN_V, CROWN_V + 79 * np.sin(alpha), np.maximum(v, border) - drop)
    face = slice_radius(
        theta, profile(WIDTH, v) * shrink**0.9, profile(FRONT, v) * shrink,
        profile(BACK, v) * shrink, profile(EXPONENT, v)
    )  # fmt: skip
    neck = slice_radius(theta, *(np.full_like(v, n) for n in (50.0, 42.0, 66.0, 2.0)))
    radius = face + (neck - face) * smoothstep(0, 1, below / (1.35 * run))
    return np.stack([radius * np.sin(theta), y, radius * np.cos(theta)], -1)


def frontal_angle(x: Array, v: Array) -> Array:
    """Polar angle of the skin point at lateral position `x` and height `v` of the face."""
    width, front = profile(WIDTH, v), profile(FRONT, v)
    power = profile(EXPONENT, v)
    z = front * (1 - np.minimum(np.abs(x) / width, 0.999) ** power) ** (1 / power)
    return np.arctan2(x, z)


def hairline(theta: Array) -> Array:
    """Height of the hairline over the skin."""
    return profile(HAIRLINE, np.degrees(np.abs(theta)))


def nose(x: Array, y: Array) -> Array:
    """Height of the nose over the face."""
    ridge = profile(NOSE_HEIGHT, y) * np.exp(-0.9 * (np.abs(x) / profile(NOSE_WIDTH, y)) ** 2.2)
    wings = 7.4 * pair(x, y, (11.8, -43), (4.1, 3.7))
    ball = 1.6 * bump(x, y, (0, -41), (5.5, 5.0))
    return ridge + wings + ball - 0.9 * pair(x, y, (18.5, -42), (2.6, 4.0))


def relief(x: Array, y: Array) -> Array:
    """Forward offset of brow ridge, sockets, cheeks, muzzle, philtrum and chin."""
    z = 1.3 * pair(x, y, (24, 19), (15, 7)) + 0.6 * bump(x, y, (0, 17), (9, 8))
    z -= 3.2 * pair(x, y, (15, 2), (5.5, 8)) + 5.0 * pair(x, y, (33, 1), (15, 10))
    z += 4.5 * pair(x, y, (41, -23), (14, 9)) - 3.0 * pair(x, y, (44, -62), (11, 15))
    z -= 1.2 * pair(x, y, (20, -15), (7, 4))
    z += 5.0 * bump(x, y, (0, -66), (22, 16)) - 4.0 * bump(x, y, (0, -86), (15, 4.5))
    z += 5.0 * bump(x, y, (0, -101), (14, 8.5)) - 1.3 * bump(x, y, (0, -56), (2.6, 5))
    return z + 0.7 * pair(x, y, (4.8, -57), (1.8, 5))


def skin(theta: Array, v: Array) -> Array:
    """Skin without lips and lids (N 3)."""
    points = base(theta, v)
    x, y = points[:, 0], v
    front = smoothstep(0.1, 0.45, np.cos(theta)) * smoothstep(-118, -108, v)
    points[:, 2] += front * (nose(x, y) + relief(x, y))
    tip = bump(x, y, (0, -42), (6, 5))
    points[:, 1] -= front * (1.6 * tip + 1.2 * pair(x, y, (12.5, -43), (4, 4)))
    points[:, 0] += (
        front * 1.6 * (bump(x, y, (15.5, -42), (3.5, 5)) - bump(x, y, (-15.5, -42), (3.5, 5)))
    )
    return points


def lid_surface(x: Array, y: Array) -> Array:
    """Depth z of a closed lid over the left eyeball."""
    dx, dy = (np.abs(x) - EYE[0]) / 19.0, (y - EYE[1]) / 16.0
    return EYE[2] + 13.4 * np.sqrt(np.maximum(1 - dx**2 - dy**2, 0.06))


def lid_blend(x: Array, y: Array) -> Array:
    """How much of the surface belongs to the lids: 1 at the eye opening, 0 outside the socket."""
    e = np.sqrt(((np.abs(x) - EYE[0]) / 25.5) ** 2 + ((y - 1.5) / 18.5) ** 2)
    return 1 - smoothstep(0.36, 1.0, e)
