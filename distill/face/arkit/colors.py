"""Colours of the skin vertices, with a little baked shadow where light does not reach."""

import numpy as np

from distill.face.arkit.curves import Array, Real, bump, pair, smoothstep
from distill.face.arkit.layout import Points
from distill.face.arkit.surface import hairline

SKIN = (0.90, 0.715, 0.625)
BLUSH = (0.90, 0.56, 0.51)
LIP = (0.72, 0.36, 0.355)
LIP_LINE = (0.44, 0.17, 0.17)
CAVITY = (0.16, 0.05, 0.05)
LASH = (0.13, 0.08, 0.07)
HAIR = (0.21, 0.14, 0.105)


def mix(colors: Array, color: tuple[Real, Real, Real], amount: Array) -> Array:
    """Blend a colour over others."""
    return colors + (np.array(color) - colors) * np.clip(amount, 0, 1)[:, None]


def hair_amount(points: Points) -> Array:
    """1 where hair grows, 0 on bare skin."""
    return smoothstep(-1.5, 1.5, points.v - hairline(points.theta))


def skin_colors(points: Points, rest: Array) -> Array:
    """Colour every skin vertex (N 3)."""
    x, y = points.x, points.v
    front = smoothstep(0.1, 0.4, np.cos(points.theta))
    colors = np.broadcast_to(np.array(SKIN), rest.shape)
    blush = 0.38 * pair(x, y, (39, -36), (13, 11)) + 0.25 * bump(x, y, (0, -41), (9, 6))
    colors = mix(colors, BLUSH, (blush + 0.2 * bump(x, y, (0, -100), (14, 8))) * front)
    shade = 0.16 * pair(x, y, (15.5, 3), (3.5, 6)) + 0.10 * pair(x, y, (30, 8), (12, 3))
    shade += 0.05 * pair(x, y, (28, -11), (10, 4)) + 0.12 * bump(x, y, (0, -49.5), (9, 2.0))
    shade += 0.16 * pair(x, y, (20, -42), (2.5, 5)) + 0.2 * bump(x, y, (0, -81), (12, 2.2))
    shade = shade * front + 0.28 * smoothstep(-110, -126, y)
    colors = colors * (1 - shade[:, None] * np.array([0.8, 1.0, 1.0]))
    nostril = 1.3 * pair(x, y, (5.8, -47.6), (2.5, 1.35))
    colors = mix(colors, (0.36, 0.17, 0.15), nostril * front)
    colors = mix(colors, HAIR, hair_amount(points))
    colors = lips(colors, points)
    colors = mix(colors, (0.78, 0.55, 0.52), points.lid < -0.2)
    lash = np.where(np.sin(points.lid_angle) > -0.05, 1.0, 0.3) * (np.abs(points.lid + 0.08) < 0.1)
    return mix(colors, LASH, lash)


def lips(colors: Array, points: Points) -> Array:
    """Redden the lips, darken the line between them and what lies behind."""
    t = points.lip
    red = (1 - smoothstep(0.9, 1.15, t)) * (t < 2)
    colors = mix(colors, LIP, 0.95 * red)
    colors = mix(colors, LIP_LINE, (t < 2) * (1 - smoothstep(0.0, 0.2, t)) * 0.75)
    colors = mix(colors, (0.50, 0.20, 0.20), (t < 0) * 1.0)
    return mix(colors, CAVITY, smoothstep(1.0, 3.0, -t))
