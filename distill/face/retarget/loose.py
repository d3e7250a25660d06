"""Parts of a head that are no skin: eyes, teeth and tongue move rigidly, brows with the skin."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from distill.face.retarget.source import Source
from distill.face.retarget.surface import Points, Surface

NEAR_MM = 8.0
"""Parts whose middle distance to everything that moves is larger stay where they are."""
RIGID = 0.2
"""A motion counts as rigid when what is left is at most this share of it."""
STILL, RIGID_PART, SKIN_PART = "still", "rigid", "with the skin"


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """A connected part of the target and how it moves.

    Attributes:
        vertices: Its vertices.
        moves: `still`, `rigid` or `with the skin`.
        distance_mm: Middle distance to the part of the source it follows.
    """

    vertices: Int[np.ndarray, " N"]
    moves: str
    distance_mm: float


def loose_shapes(
    source: Source, laid: Points, points: Points, label: Int[np.ndarray, " V"], skin: int
) -> tuple[Float[np.ndarray, "52 V 3"], list[Part]]:
    """Return the displacements of all parts but the skin, and how each part moves.

    Args:
        source: The rig.
        laid: Its skin on the target.
        points: The target in source mm (V 3).
        label: Part of every vertex (V).
        skin: The part that is the skin; its displacements are left zero.
    """
    shapes = np.zeros((len(source.shapes), *points.shape))
    outside = source.triangles[source.open[source.triangles].all(1)]
    surface = Surface(laid, outside)
    shifted = source.loose + _carried(source.points, laid - source.points, source.loose)
    tree = KDTree(shifted) if len(shifted) else None
    found = []
    for number in range(label.max() + 1):
        own = np.flatnonzero(label == number)
        if number == skin:
            continue
        to_skin = surface.closest(points[own])
        skin_mm = float(np.median(to_skin.distance))
        loose_mm = float(np.median(tree.query(points[own])[0])) if tree else np.inf
        moves, away = STILL, min(skin_mm, loose_mm)
        if tree and away < NEAR_MM:
            moves = RIGID_PART if loose_mm < skin_mm else SKIN_PART
            for k, shape in enumerate(source.shapes):
                if moves == SKIN_PART:
                    shapes[k, own] = to_skin.read(outside, shape)
                else:
                    moved = _carried(shifted, source.loose_shapes[k], points[own])
                    shapes[k, own] = rigid(points[own], moved)
        found.append(Part(vertices=own, moves=moves, distance_mm=away))
    return shapes, found


def _carried(at: Points, values: Points, wanted: Points) -> Points:
    """Interpolate values at the four nearest places, weighted by inverse squared distance."""
    if not len(wanted):
        return np.zeros((0, 3))
    distance, index = KDTree(at).query(wanted, k=min(4, len(at)))
    weight = 1 / (distance.reshape(len(wanted), -1) ** 2 + 1e-12)
    weight /= weight.sum(1, keepdims=True)
    return np.einsum("nk,nkd->nd", weight, values[index.reshape(len(wanted), -1)])


def rigid(points: Points, moved: Points) -> Points:
    """Return the rigid motion nearest to displacements, or these where they are far from rigid."""
    size = np.sqrt((moved**2).sum(1).mean())
    if size < 1e-3 or len(points) < 4:
        return moved
    goal = points + moved
    a, b = points - points.mean(0), goal - goal.mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    turn = (u * (1, 1, np.sign(np.linalg.det(u @ vt)))) @ vt
    found = a @ turn.T + goal.mean(0) - points
    left = np.sqrt(((found - moved) ** 2).sum(1).mean())
    return found if left <= RIGID * size else moved
