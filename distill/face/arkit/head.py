"""The assembled head: one mesh, the part each vertex belongs to, and where its fields are read."""

from dataclasses import dataclass

import numpy as np

from distill.face.arkit import layout, parts
from distill.face.arkit.colors import skin_colors
from distill.face.arkit.curves import Array
from distill.face.arkit.layout import Points
from distill.face.arkit.skin import rest_skin, whole_skin

SKIN, BROW, EYE_LEFT, EYE_RIGHT, LIGHT_LEFT, LIGHT_RIGHT, TEETH_UPPER, TEETH_LOWER, TONGUE, EAR = (
    range(10)
)


@dataclass(frozen=True, kw_only=True)
class Head:
    """Mesh of the head.

    Attributes:
        rest: Positions (V 3) in mm.
        faces: Triangles (T 3).
        colors: Diffuse colours (V 3).
        part: Which part a vertex belongs to (V), see the constants of this module.
        points: Layout of skin and brow vertices, where their displacement is read (first ones).
        mirror: Index of the mirrored vertex (V).
    """

    rest: Array
    faces: Array
    colors: Array
    part: Array
    points: Points
    mirror: Array


def brows() -> tuple[Points, parts.Mesh]:
    """Both brows: layout of the skin below them, and mesh."""
    x, y, lift, faces = parts.brow_layout()
    points = layout.at(x, y)
    rest = rest_skin(points)
    rest[:, 2] += lift
    mesh = (rest, faces, np.broadcast_to(np.array(parts.BROW), rest.shape))
    return layout.join([points, points.mirror()]), parts.merged([mesh, parts.mirrored(mesh)])


def build_head() -> Head:
    """Build skin and parts."""
    points, rest, faces, mirror = whole_skin()
    brow_points, brow_mesh = brows()
    ball, light, ear = parts.eyeball(), parts.catchlight(), parts.ear()
    meshes: list[tuple[int, parts.Mesh]] = [
        (SKIN, (rest, faces, skin_colors(points, rest))),
        (BROW, brow_mesh),
        (EYE_LEFT, ball), (EYE_RIGHT, parts.mirrored(ball)),
        (LIGHT_LEFT, light), (LIGHT_RIGHT, light_right(light)),
        (TEETH_UPPER, parts.teeth(True)), (TEETH_LOWER, parts.teeth(False)),
        (TONGUE, parts.tongue()), (EAR, ear), (EAR, parts.mirrored(ear)),
    ]  # fmt: skip
    part = np.concatenate([np.full(len(mesh[0]), kind) for kind, mesh in meshes])
    whole = parts.merged([mesh for _, mesh in meshes])
    laid = layout.join([points, brow_points])
    return Head(rest=whole[0], faces=whole[1], colors=whole[2], part=part, points=laid,
                mirror=mirror_index(whole[0], part, mirror))  # fmt: skip


def light_right(light: parts.Mesh) -> parts.Mesh:
    """The reflection of the same light on the right eye."""
    points, faces, colors = parts.mirrored(light)
    return points, faces, colors


def mirror_index(rest: Array, part: Array, skin_mirror: Array) -> Array:
    """Index of every vertex's mirror image: known for the skin, nearest for the other parts."""
    from scipy.spatial import KDTree

    swap = np.arange(10)
    swap[[EYE_LEFT, EYE_RIGHT, LIGHT_LEFT, LIGHT_RIGHT]] = [
        EYE_RIGHT,
        EYE_LEFT,
        LIGHT_RIGHT,
        LIGHT_LEFT,
    ]
    index = np.empty(len(rest), int)
    for kind in range(10):
        own = np.flatnonzero(part == kind)
        other = np.flatnonzero(part == swap[kind])
        found = KDTree(rest[other]).query(rest[own] * np.array([-1, 1, 1]))[1]
        index[own] = other[found]
    index[: len(skin_mirror)] = skin_mirror
    return index
