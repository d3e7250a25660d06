"""Where the skin vertices lie: rings around mouth and eyes in a grid that follows the nose.

Half of the face (the character's left) is laid out and mirrored, so the mesh is symmetric.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Delaunay, KDTree

from distill.face.arkit.curves import Array, profile
from distill.face.arkit.surface import base, frontal_angle, hairline

SLIT_X = 25.5
"""Half width of the mouth opening."""
MOUTH_STEPS = 18
"""Vertices of half a mouth ring, less one."""
EYE_STEPS = 32
LIP_T = (0.0, 0.14, 0.32, 0.55, 0.8, 1.0)
"""Rings of the red of the lips, from the inner line (0) to the border with the skin (1)."""
OUTER_T = (1.22, 1.55, 2.0)
LID_T = (0.0, 0.1, 0.24, 0.42, 0.68, 1.0)

UPPER_LIP = ((0, 6.6), (5.5, 7.9), (13, 5.7), (20, 2.5), (27, 0))
LOWER_LIP = ((0, 9.4), (7, 9.0), (15, 6.4), (22, 2.6), (27, 0))


@dataclass(frozen=True, kw_only=True)
class Points:
    """Layout of some skin vertices: lateral x and height y in the face, and what ring they are on.

    `side` is +1 on the upper lip, -1 on the lower (matters on the slit only); `lip` is the lip
    ring coordinate t (2 beyond the rings); `lid` the same for the lids, with `lid_angle`.
    """

    theta: Array
    v: Array
    x: Array
    side: Array
    lip: Array
    lid: Array
    lid_angle: Array

    def mirror(self) -> "Points":
        """Return the layout of the other half."""
        return Points(theta=-self.theta, v=self.v, x=-self.x, side=self.side, lip=self.lip,
                      lid=self.lid, lid_angle=self.lid_angle)  # fmt: skip

    def take(self, index: Array) -> "Points":
        """Return the layout of some of the vertices."""
        return Points(**{name: values[index] for name, values in vars(self).items()})


def join(parts: list[Points]) -> Points:
    """Concatenate layouts."""
    return Points(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in vars(parts[0])})


def at(x: Array, y: Array, **extra: Array) -> Points:
    """Lay out points of the face by lateral position and height."""
    far = {"side": 0.0, "lip": 3.0, "lid": 3.0, "lid_angle": 0.0}
    values = {n: np.broadcast_to(extra.get(n, np.array(d)), x.shape) for n, d in far.items()}
    return Points(theta=frontal_angle(x, y), v=y, x=x, **values)


def slit_y(x: Array) -> Array:
    """Height of the line between the lips."""
    return -69.2 + 1.0 * (x / SLIT_X) ** 2 - 0.6 * np.exp(-((x / 5) ** 2))


def mouth_rings() -> Points:
    """Half of the rings around the mouth, ring by ring from the slit outward."""
    phi = np.linspace(-np.pi / 2, np.pi / 2, MOUTH_STEPS + 1)
    side = np.sign(np.round(phi, 9))
    slit = np.stack([SLIT_X * np.cos(phi), slit_y(SLIT_X * np.cos(phi))], -1)
    bx = 26.6 * np.cos(phi)
    height = np.where(side > 0, profile(UPPER_LIP, bx), -profile(LOWER_LIP, bx))
    border = np.stack([bx, slit_y(bx) + height], -1)
    reach = np.where(side > 0, 15.0, 20.5)
    outer = np.stack([39 * np.cos(phi), -70.0 + reach * np.sin(phi)], -1)
    rings = []
    for t in LIP_T + OUTER_T:
        inner = slit + (border - slit) * min(t, 1.0)
        xy = inner + (outer - inner) * max(t - 1.0, 0.0)
        xy[[0, -1], 0] = 0.0
        rings.append(at(xy[:, 0], xy[:, 1], side=side, lip=np.full(len(phi), t)))
    return join(rings)


def lid_opening(angle: Array) -> Array:
    """Edge of the lids of the left eye at ring angle (0 outer corner, pi/2 top), as x and y."""
    x = 32.0 + 14.6 * np.cos(angle)
    line = -1.6 + 2.4 * (x - 17.4) / 29.2
    rise = np.sin(angle)
    y = line + np.where(rise > 0, 5.0, 4.4) * np.sign(rise) * np.abs(rise) ** 1.35
    return np.stack([x - 0.8 * np.maximum(rise, 0), y], -1)


def eye_rings() -> Points:
    """Rings around the left eye, ring by ring from the edge of the lids outward."""
    angle = np.arange(EYE_STEPS) * 2 * np.pi / EYE_STEPS
    edge = lid_opening(angle)
    outer = np.stack([32 + 22.5 * np.cos(angle), 1.8 + 14.5 * np.sin(angle)], -1)
    rings = []
    for t in LID_T:
        xy = edge + (outer - edge) * t
        lid = np.full(len(angle), t)
        rings.append(at(xy[:, 0], xy[:, 1], lid=lid, lid_angle=angle))
    return join(rings)


def ring_quads(rings: int, steps: int, closed: bool) -> Array:
    """Triangles of `rings` concentric rings of `steps` vertices each."""
    a = np.arange(steps if closed else steps - 1)
    b = (a + 1) % steps
    faces = []
    for r in range(rings - 1):
        low, high = r * steps, (r + 1) * steps
        faces += [
            np.stack([low + a, high + a, high + b], 1),
            np.stack([low + a, high + b, low + b], 1),
        ]
    return np.concatenate(faces)


def _inside(x: Array, y: Array, scale: Array | float) -> Array:
    mouth = np.hypot(x / 39, (y + 70) / np.where(y > -70, 15.0, 20.5)) < scale
    eye = np.hypot((x - 32) / 22.5, (y - 1.8) / 14.5) < scale
    return mouth | eye


def _grid(step: float, x_range: tuple[float, float], v_range: tuple[float, float]) -> Array:
    k = np.arange(int((x_range[1] - x_range[0]) / step) + 1)
    columns = x_range[0] + step * k
    rows = np.arange(v_range[0], v_range[1] + 1e-6, step * 0.9)
    points = [
        np.stack(np.broadcast_arrays(columns + (i % 2) * step / 2 * np.minimum(k / 3, 1), v), -1)
        for i, v in enumerate(rows)
    ]
    return np.concatenate(points)


def background() -> Points:
    """Grid vertices of half the head outside the rings: fine on the nose, coarse behind."""
    nose = _grid(2.3, (0.0, 21.0), (-53.0, 8.0))
    face = _grid(5.2, (0.0, 58.0), (-108.0, 86.0))
    on_nose = (face[:, 0] < 22.5) & (face[:, 1] > -55) & (face[:, 1] < 10)
    face = np.concatenate([nose, face[~on_nose]])
    clear = ~_inside(face[:, 0], face[:, 1], np.where(face[:, 0] < 21, 1.05, 1.11))
    front = at(face[clear, 0], face[clear, 1])
    theta, v = [], []
    heights = np.concatenate(
        [np.arange(-185, -125, 10.0), np.arange(-125, 45, 7.6), np.arange(46, 176, 9.5)]
    )
    edge = frontal_angle(np.full(len(heights), 63.0), heights)
    for start, height in zip(
        np.where(np.abs(heights + 11.5) < 99.5, edge, 0.0), heights, strict=True
    ):
        fine = 9.5 if height < 88 else 14.0 + (height - 88) * 0.2
        count = max(int((np.pi - start) * 70 / fine), 4)
        theta.append(np.linspace(start, np.pi, count))
        v.append(np.full(count, height))
    th, vv = np.concatenate(theta), np.concatenate(v)
    x = base(th, vv)[:, 0]
    x[(th == 0) | (th == np.pi)] = 0.0
    none = np.zeros_like(th)
    back = Points(theta=th, v=vv, x=x, side=none, lip=none + 3, lid=none + 3, lid_angle=none)
    rest = join([front, back])
    hair, plane = hairline_points()
    away = KDTree(plane).query(np.stack([rest.theta * 75, rest.v], -1))[0] > 3.0
    return join([rest.take(away), hair])


def hairline_points() -> tuple[Points, Array]:
    """Two close rows along the hairline, so that the colours part sharply; also their plane."""
    theta = np.linspace(0, np.pi, 64)
    slope = np.gradient(hairline(theta), theta * 75)
    across = np.stack([-slope, np.ones_like(slope)], -1) / np.hypot(slope, 1)[:, None]
    plane = np.stack([theta * 75, hairline(theta)], -1)
    both = np.concatenate([plane + 1.5 * across, plane - 1.5 * across])
    both[:, 0] = np.where(
        np.tile(np.isin(theta, (0, np.pi)), 2), np.tile(theta * 75, 2), both[:, 0]
    )
    angle, v = both[:, 0] / 75, both[:, 1]
    x = base(angle, v)[:, 0]
    x[np.isin(angle, (0, np.pi))] = 0.0
    none = np.zeros_like(angle)
    points = Points(theta=angle, v=v, x=x, side=none, lip=none + 3, lid=none + 3, lid_angle=none)
    return points, both


def half_skin() -> tuple[Points, Array]:
    """Layout and triangles of the character's left half, rings first."""
    mouth, eye, rest = mouth_rings(), eye_rings(), background()
    points = join([mouth, eye, rest])
    m, e = len(mouth.x), len(eye.x)
    rings = [ring_quads(len(LIP_T + OUTER_T), MOUTH_STEPS + 1, False)[:, ::-1],
             ring_quads(len(LID_T), EYE_STEPS, True) + m]  # fmt: skip
    free = np.concatenate([
        np.arange(m - MOUTH_STEPS - 1, m), np.arange(m + e - EYE_STEPS, m + e),
        np.arange(m + e, len(points.x)),
    ])  # fmt: skip
    plane = np.stack([points.theta * 75, points.v], -1)[free]
    faces = free[Delaunay(plane).simplices]
    centre_x, centre_v = points.x[faces].mean(1), points.v[faces].mean(1)
    hole = _inside(centre_x, centre_v, 0.995) & (np.abs(points.theta[faces].mean(1)) < 1.2)
    return points, np.concatenate([*rings, faces[~hole]])
