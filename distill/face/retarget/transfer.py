"""Deformation transfer: shapes of one mesh carried over to another by their gradients.

Sumner and Popovic 2004, solved per vertex as a Poisson equation (Botsch et al. 2006): the target's
edges should change as the deformation gradients of the corresponding source triangles say. Two
terms are added. Displacements anchor what gradients leave open, and pairs of facing vertices let
lids meet across the opening that no edge spans.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from distill.face.retarget.register import factorized, stiffness
from distill.face.retarget.source import Source
from distill.face.retarget.surface import (
    Closest,
    Points,
    Surface,
    Triangles,
    triangle_normals,
    unit,
    vertex_normals,
)

SPOTS = np.array([[4, 4, 4], [6, 3, 3], [3, 6, 3], [3, 3, 6]]) / 12
"""Places of a target triangle whose closest source triangles share in its gradient."""
CANDIDATES = 24
"""Source triangles looked at per spot; long thin ones need many."""
ANCHOR_MM = 30.0
"""Below this length gradients decide, above it displacements."""
FAR_MM = 5.0
"""At this distance between the surfaces a correspondence counts half."""
PAIR = 4.0
"""Weight of a pair; edges of the mesh have about 1."""
SLIT_MM = 2.0
"""Gaps narrower than this move as in the source, wider ones by their share."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Matched:
    """Which place of the source each part of the target corresponds to.

    Attributes:
        triangles: Source triangles of the spots of every target triangle (T S).
        trust: How much each counts, 0..1 (T S).
        places: Where every target vertex lies on the source.
        vertex_trust: The same for vertices (V).
        lids: Facing vertices of the target's lids (P 2).
        source_lids: The vertices of the source they correspond to (P 2).
        lips: Facing inner lip vertices of the target (N 2).
    """

    triangles: Int[np.ndarray, "T S"]
    trust: Float[np.ndarray, "T S"]
    places: Closest
    vertex_trust: Float[np.ndarray, " V"]
    lids: Int[np.ndarray, "P 2"]
    source_lids: Int[np.ndarray, "P 2"]
    lips: Int[np.ndarray, "N 2"]


def matched(source: Source, laid: Points, points: Points, triangles: Triangles) -> Matched:
    """Find for every triangle and vertex of the target the closest places of the laid source."""
    surface = Surface(laid, source.triangles)
    spots = np.einsum("sk,tkd->tsd", SPOTS, points[triangles])
    normals = np.repeat(unit(triangle_normals(points, triangles)), len(SPOTS), 0)
    found = surface.closest(spots.reshape(-1, 3), normals, CANDIDATES)
    places = surface.closest(points, vertex_normals(points, triangles))
    known = np.flatnonzero(places.facing & (places.distance < FAR_MM))
    lids, own = _facing(points, known, laid[source.lid_pairs])
    lips, _ = _facing(points, known, laid[source.lip_pairs])
    return Matched(
        triangles=found.triangle.reshape(-1, len(SPOTS)),
        trust=_trust(found).reshape(-1, len(SPOTS)),
        places=places,
        vertex_trust=_trust(places),
        lids=lids,
        source_lids=source.lid_pairs[own],
        lips=lips,
    )


def _trust(found: Closest) -> np.ndarray:
    return found.facing / (1 + (found.distance / FAR_MM) ** 4)


def _facing(
    points: Points, known: np.ndarray, wanted: Float[np.ndarray, "P 2 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of `known` vertices nearest to pairs of places, and which those are."""
    if not len(known) or not len(wanted):
        return np.zeros((0, 2), int), np.zeros(0, int)
    found = known[KDTree(points[known]).query(wanted)[1]]
    apart = np.flatnonzero(found[:, 0] != found[:, 1])
    pairs, first = np.unique(found[apart], axis=0, return_index=True)
    return pairs, apart[first]


def frames(points: Points, triangles: Triangles) -> Float[np.ndarray, "T 3 3"]:
    """Return two edges and the scaled normal of every triangle as columns (Sumner 2004, eq. 1)."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    length = np.sqrt(np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))
    return np.stack([b - a, c - a, normal / length], -1)


class Transfer:
    """Carries shapes over to one target; its matrix is factorized once.

    `source`, `points` and `triangles` of the target and `match` as above; all lengths in mm.
    """

    def __init__(
        self, source: Source, points: Points, triangles: Triangles, match: Matched
    ) -> None:
        self.source, self.points, self.triangles, self.match = source, points, triangles, match
        count = len(points)
        stiff, mass = stiffness(points, triangles)
        self._mass = mass / ANCHOR_MM**2
        ends = np.repeat(np.arange(len(match.lids)), 2)
        signs = np.tile([1.0, -1.0], len(match.lids))
        shape = (len(match.lids), count)
        self._links = sp.coo_array((signs, (ends, match.lids.ravel())), shape).tocsr()
        system = stiff + sp.diags_array(self._mass) + PAIR * self._links.T @ self._links
        self._solver = factorized(system.tocsc())
        self._inverse = np.linalg.inv(frames(source.points, source.triangles))
        self._spread = spread_matrix(points, triangles)

    def __call__(self, moved: Points) -> Points:
        """Return displacements of the target (V 3) for displacements of the source's skin."""
        source, match = self.source, self.match
        rest = frames(source.points, source.triangles)
        change = (frames(source.points + moved, source.triangles) - rest) @ self._inverse
        wanted = (change[match.triangles] * match.trust[..., None, None]).mean(1)
        pull = self._spread @ wanted.transpose(0, 2, 1).reshape(-1, 3)
        placed = match.places.read(source.triangles, moved) * match.vertex_trust[:, None]
        pull += self._mass[:, None] * placed
        pull += PAIR * self._links.T @ self.gaps(moved)
        return self._solver.solve(pull)

    def gaps(self, moved: Points) -> Float[np.ndarray, "P 3"]:
        """Return how the gap between facing lids should change.

        The part along the source's gap closes or opens the target's gap by the same share, the
        rest is taken over as it is: a blink closes eyes of any height.
        """
        one, two = self.match.source_lids.T
        gap, change = self.source.points[one] - self.source.points[two], moved[one] - moved[two]
        share = (change * gap).sum(1) / ((gap**2).sum(1) + SLIT_MM**2)
        own = self.points[self.match.lids[:, 0]] - self.points[self.match.lids[:, 1]]
        return change + share[:, None] * (own - gap)


def spread_matrix(points: Points, triangles: Triangles) -> sp.csr_array:
    """Return the matrix (V 3T) that turns gradients of triangles into pulls on vertices."""
    area = np.linalg.norm(triangle_normals(points, triangles), axis=1)
    rows, columns, values = [], [], []
    block = 3 * np.arange(len(triangles))
    for i in range(3):
        apex, a, b = (points[triangles[:, (i + k) % 3]] for k in range(3))
        cotangent = ((a - apex) * (b - apex)).sum(1) / np.maximum(area, 1e-9)
        weight = cotangent.clip(0.05, 20) / 2
        for axis in range(3):
            pull = weight * (b - a)[:, axis]
            rows += [triangles[:, (i + 2) % 3], triangles[:, (i + 1) % 3]]
            columns += [block + axis, block + axis]
            values += [pull, -pull]
    shape = (len(points), 3 * len(triangles))
    where = (np.concatenate(rows), np.concatenate(columns))
    return sp.coo_array((np.concatenate(values), where), shape).tocsr()
