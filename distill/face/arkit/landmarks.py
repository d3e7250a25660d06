"""The 68 Multi-PIE landmarks of the procedural head."""

import numpy as np

from distill.face.arkit.curves import Array, profile
from distill.face.arkit.head import SKIN, Head

JAW = ((0, -110), (20, -106), (45, -93), (65, -62), (76, -35), (85, 0))
"""Height of the landmarks of the jaw by polar angle in degrees."""
BROW_X, BROW_Y = (10.5, 20.5, 31.0, 41.5, 51.5), (18.6, 20.8, 22.2, 21.6, 18.4)
NOSE_Y = (2.0, -13.0, -27.0, -40.5)
NOSTRILS = ((-12.0, -47.0), (-6.0, -50.0), (0.0, -51.5), (6.0, -50.0), (12.0, -47.0))
EYE_DEG = (180, 118, 62, 0, -62, -118)
"""Ring angles of the left eye from the inner corner over the upper lid."""
OUTER_LIP_X, LOWER_LIP_X = (-26.6, -15.5, -5.5, 0.0, 5.5, 15.5, 26.6), (16.0, 7.5, 0.0, -7.5, -16.0)
INNER_LIP_X = (-25.5, -11.0, 0.0, 11.0, 25.5)


def landmark_vertices(mesh: Head) -> Array:
    """Return the skin vertices of the landmarks in Multi-PIE order (68)."""
    p = mesh.points
    skin = mesh.part[: len(p.x)] == SKIN

    def nearest(x: float, v: float, among: Array) -> int:
        away = (p.x - x) ** 2 + (p.v - v) ** 2
        return int(np.where(among & skin, away, np.inf).argmin())

    face = (np.cos(p.theta) > 0.2) & (p.lip >= 0) & (p.lid >= 0)
    angles = np.linspace(-85, 85, 17)
    heights = profile(JAW, np.abs(angles))
    found = [_by_angle(mesh, a, h) for a, h in zip(np.radians(angles), heights, strict=True)]
    brow = list(zip(BROW_X, BROW_Y, strict=True))
    found += [nearest(-x, y, face) for x, y in reversed(brow)]
    found += [nearest(x, y, face) for x, y in brow]
    found += [nearest(0.0, y, face) for y in NOSE_Y]
    found += [nearest(x, y, face) for x, y in NOSTRILS]
    left = [_lid(mesh, np.radians(a)) for a in EYE_DEG]
    right = [int(mesh.mirror[i]) for i in left]
    found += [right[i] for i in (3, 2, 1, 0, 5, 4)] + left
    outer, inner = p.lip == 1.0, p.lip == 0.0
    up, down = p.side >= 0, p.side <= 0
    found += [nearest(x, -69.0, outer & up) for x in OUTER_LIP_X]
    found += [nearest(x, -69.0, outer & down) for x in LOWER_LIP_X]
    found += [nearest(x, -69.0, inner & up) for x in INNER_LIP_X]
    found += [nearest(x, -69.0, inner & down) for x in INNER_LIP_X[3:0:-1]]
    return np.array(found)


def _by_angle(mesh: Head, theta: float, v: float) -> int:
    p = mesh.points
    away = (75 * (p.theta - theta)) ** 2 + (p.v - v) ** 2
    own = (mesh.part[: len(p.x)] == SKIN) & (p.lip >= 0) & (p.lid >= 0)
    return int(np.where(own, away, np.inf).argmin())


def _lid(mesh: Head, angle: float) -> int:
    p = mesh.points
    away = np.abs(np.angle(np.exp(1j * (p.lid_angle - angle))))
    return int(np.where((p.lid == 0) & (p.x > 0), away, np.inf).argmin())
