"""The whole skin: both halves welded, lips and lids shaped, mouth lining attached."""

import numpy as np

from distill.face.arkit import layout
from distill.face.arkit.curves import Array, profile, smoothstep
from distill.face.arkit.layout import Points
from distill.face.arkit.surface import EYE, lid_blend, lid_surface, skin

UPPER_PROFILE = ((0, -0.6), (0.14, 1.6), (0.32, 3.0), (0.55, 3.5), (0.8, 2.7), (1.0, 1.5),
                 (1.22, 0.5), (1.6, 0))  # fmt: skip
LOWER_PROFILE = ((0, -0.9), (0.14, 1.4), (0.32, 3.2), (0.55, 4.0), (0.8, 3.0), (1.0, 1.0),
                 (1.22, 0.0), (1.6, 0))  # fmt: skip
LINING = ((-1.8, 0.5, 1.0), (-4.5, 2.5, 1.0), (-6.0, 7.5, 1.0), (-11.0, 12.0, 0.97),
          (-28.0, 14.0, 0.85), (-42.0, 10.0, 0.7), (-48.0, 2.0, 0.5))  # fmt: skip
"""Rows of the mouth lining behind the slit: z offset, height away from the slit, width factor."""
RIM = ((-0.15, -1.5, 1.0), (-0.3, -4.0, 1.0), (-0.5, -7.5, 0.66))
"""Rows of the lid edge: layout t, z offset, and scale about the middle of the eye."""


def orient(points: Points, faces: Array) -> Array:
    """Turn triangles so that their normals point out of the head."""
    u, v = points.theta[faces] * 75, points.v[faces]
    area = (u[:, 1] - u[:, 0]) * (v[:, 2] - v[:, 0]) - (u[:, 2] - u[:, 0]) * (v[:, 1] - v[:, 0])
    return np.where(area[:, None] < 0, faces[:, [0, 2, 1]], faces)


def mirror_half(points: Points, faces: Array, on_middle: Array) -> tuple[Points, Array, Array]:
    """Mirror a half mesh, welding the vertices on the middle plane; also the mirror index."""
    count = len(points.x)
    moved = np.flatnonzero(~on_middle)
    index = np.arange(count)
    index[moved] = count + np.arange(len(moved))
    whole = layout.join([points, points.mirror().take(moved)])
    back = np.concatenate([index, moved])
    return whole, np.concatenate([faces, index[faces][:, ::-1]]), back


def lip_offset(p: Points) -> Array:
    """Forward offset of the lips over the skin (N)."""
    sine = np.sqrt(np.maximum(1 - (p.x / 27.0) ** 2, 0))
    envelope = smoothstep(0.0, 0.75, sine)
    z = np.where(p.side >= 0, profile(UPPER_PROFILE, p.lip), profile(LOWER_PROFILE, p.lip))
    corner = -1.5 * (1 - envelope) * (1 - smoothstep(0.0, 1.8, p.lip))
    return z * envelope + corner


def rest_skin(p: Points) -> Array:
    """Rest position of skin vertices from their layout (N 3)."""
    points = skin(p.theta, p.v)
    points[:, 2] += np.where(p.lip < 2, lip_offset(p), 0.0)
    face = np.cos(p.theta) > 0.2
    blend = np.where(face, lid_blend(p.x, p.v), 0.0)
    points[:, 2] += blend * (lid_surface(p.x, p.v) - points[:, 2])
    crease = np.exp(-(((p.lid - 0.30) / 0.1) ** 2)) * np.maximum(np.sin(p.lid_angle), 0)
    points[:, 2] -= 0.9 * crease * face
    points[:, 0] = np.where(p.x == 0, 0.0, points[:, 0])
    return points


def mouth_lining(first: Points, rest: Array) -> tuple[Points, Array, Array]:
    """Rows behind the slit ring (half): layout, rest and triangles, indexed from 0 = slit."""
    steps = len(first.x)
    layouts, rests = [], [rest]
    for row, (dz, dy, width) in enumerate(LINING):
        layouts.append(Points(**{**vars(first), "lip": np.full(steps, -float(row + 1))}))
        moved = rest.copy()
        sine = np.sqrt(np.maximum(1 - (first.x / layout.SLIT_X) ** 2, 0))
        moved[:, 2] += dz
        moved[:, 1] += first.side * dy * np.sqrt(sine)
        moved[:, 0] *= width
        rests.append(moved)
    faces = layout.ring_quads(len(LINING) + 1, steps, False)
    return layout.join(layouts), np.concatenate(rests[1:]), faces


def lid_rim(first: Points, rest: Array) -> tuple[Points, Array, Array]:
    """Rows that turn the edge of the lids inward, like `mouth_lining`."""
    layouts, rests = [], []
    middle = np.array([*EYE[:2], 0.0])
    for t, dz, scale in RIM:
        layouts.append(Points(**{**vars(first), "lid": np.full(len(first.x), t)}))
        rests.append((rest - middle) * (scale, scale, 1.0) + middle + (0.0, 0.0, dz))
    faces = layout.ring_quads(len(RIM) + 1, len(first.x), True)
    return layout.join(layouts), np.concatenate(rests), faces


def half_mesh() -> tuple[Points, Array, Array]:
    """Layout, rest positions and outward triangles of the left half with lining and lid rims."""
    points, faces = layout.half_skin()
    faces = orient(points, faces)
    rest = rest_skin(points)
    steps, mouth = layout.MOUTH_STEPS + 1, layout.mouth_rings()
    slit = np.arange(steps)
    edge = len(mouth.x) + np.arange(layout.EYE_STEPS)
    for ring, make in ((slit, mouth_lining), (edge, lid_rim)):
        extra, extra_rest, extra_faces = make(points.take(ring), rest[ring])
        count = len(points.x)
        number = np.concatenate([ring, count + np.arange(len(extra.x))])
        extra_faces = number[extra_faces]
        faces = np.concatenate([faces, extra_faces[:, ::-1]])
        points, rest = layout.join([points, extra]), np.concatenate([rest, extra_rest])
    return points, rest, faces


def whole_skin() -> tuple[Points, Array, Array, Array]:
    """Layout, rest positions, triangles and mirror index of the whole skin."""
    points, rest, faces = half_mesh()
    middle = points.x == 0
    whole, faces, mirror = mirror_half(points, faces, middle)
    rest = np.concatenate([rest, rest[~middle] * np.array([-1, 1, 1])])
    return whole, rest, faces, mirror
