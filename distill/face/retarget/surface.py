"""Geometry of triangle meshes: normals, neighbours, what is seen from outside, closest points."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

Points = Float[np.ndarray, "_ 3"]
"""Places or vectors, however many."""
Triangles = Int[np.ndarray, "_ 3"]
"""Vertex indices, however many."""

CANDIDATES = 8
"""Triangles looked at per closest point, by distance of their centres."""
FACING = 0.5
"""Cosine between normals from which two surfaces face the same way."""
TOUCHING = 1e-6
"""Places this near count as facing the same way."""
VIEWS_DEG = (
    (0, 0), (30, 0), (-30, 0), (60, 0), (-60, 0), (0, 30), (0, 60), (0, -30), (0, -60),
    (35, 35), (-35, 35), (35, -35), (-35, -35), (110, 0), (-110, 0), (180, 0),
)  # fmt: skip
"""Yaw and pitch of the views that decide what lies open."""


def triangle_normals(points: Points, triangles: Triangles) -> Float[np.ndarray, "T 3"]:
    """Return normals whose length is twice the area."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length 1; those without length stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-30)


def vertex_normals(points: Points, triangles: Triangles) -> Points:
    """Return unit normals, area-weighted over the triangles of a vertex."""
    normals = triangle_normals(points, triangles)
    return unit(incidence(len(points), triangles).T @ normals)


def incidence(count: int, triangles: Triangles) -> sp.csr_array:
    """Return the matrix (T V) that is 1 where a triangle has a vertex."""
    rows = np.repeat(np.arange(len(triangles)), 3)
    ones = np.ones(triangles.size)
    return sp.csr_array((ones, (rows, triangles.ravel())), (len(triangles), count))


def edges(triangles: Triangles) -> Int[np.ndarray, "E 2"]:
    """Return every edge once, smaller index first."""
    both = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(both, 1), axis=0)


def parts(count: int, triangles: Triangles) -> Int[np.ndarray, " V"]:
    """Number the connected parts; part 0 has the most vertices."""
    links = edges(triangles)
    graph = sp.coo_array((np.ones(len(links)), links.T), (count, count))
    label = sp.csgraph.connected_components(graph, directed=False)[1]
    order = np.argsort(-np.bincount(label), kind="stable")
    return np.argsort(order, kind="stable")[label]


def open_edges(triangles: Triangles) -> Int[np.ndarray, "E 2"]:
    """Return the edges that only one triangle has: the rims of holes."""
    both = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    found, count = np.unique(np.sort(both, 1), axis=0, return_counts=True)
    return found[count == 1]


def openness(points: Points, triangles: Triangles, size: float) -> Float[np.ndarray, " V"]:
    """Return the share of the views a vertex faces that see it: cavities have little.

    A z-buffer with cells of 1/80 of `size`, the length of a face: a vertex counts as hidden behind
    a surface that lies more than two cells in front of it.
    """
    cell = size / 80
    spread, normals = _spread(points, triangles, 0.7 * cell), vertex_normals(points, triangles)
    faced, shown = np.full(len(points), 1e-9), np.zeros(len(points))
    for yaw, pitch in np.radians(VIEWS_DEG):
        turn = _rotation(yaw, pitch)
        samples, own, facing = spread @ turn.T, points @ turn.T, normals @ turn[2] > 0.25
        low = samples[:, 0].min(), samples[:, 1].min()
        wide = int((samples[:, 0].max() - low[0]) / cell) + 1
        at, here = (
            ((p[:, 0] - low[0]) / cell).astype(int) + wide * ((p[:, 1] - low[1]) / cell).astype(int)
            for p in (samples, own)
        )
        front = np.full(max(at.max(), here.max()) + 1, -np.inf)
        np.maximum.at(front, at, samples[:, 2])
        faced += facing
        shown += facing & (own[:, 2] > front[here] - 2 * cell)
    return shown / faced


def _spread(points: Points, triangles: Triangles, step: float) -> Points:
    """Points on the surface, no further than about `step` apart, all vertices among them."""
    corners = points[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=-1).max(1)
    made = [points]
    counts = np.minimum(np.ceil(longest / step).astype(int), 60)
    for n in np.unique(counts[counts > 1]):
        u, v = (g.ravel() / n for g in np.mgrid[: n + 1, : n + 1])
        inside = u + v <= 1 + 1e-9
        weights = np.stack([u, v, 1 - u - v], 1)[inside]
        made.append(np.einsum("sk,tkd->tsd", weights, corners[counts == n]).reshape(-1, 3))
    return np.concatenate(made)


def _rotation(yaw: float, pitch: float) -> np.ndarray:
    cy, sy, cp, sp_ = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return np.array([[1, 0, 0], [0, cp, -sp_], [0, sp_, cp]]) @ about_y


@dataclass(frozen=True, eq=False)
class Closest:
    """Where points land on a surface.

    Attributes:
        triangle: Closest triangle of each point (N).
        weights: Barycentric coordinates in it (N 3).
        points: The places themselves (N 3).
        distance: How far away they are (N).
        facing: Whether the triangle faces the same way, where normals were given (N).
    """

    triangle: Int[np.ndarray, " N"]
    weights: Float[np.ndarray, "N 3"]
    points: Points
    distance: Float[np.ndarray, " N"]
    facing: Bool[np.ndarray, " N"]

    def read(self, triangles: Triangles, values: np.ndarray) -> np.ndarray:
        """Interpolate `values` of the surface's vertices (... V C) at the places (... N C)."""
        corners = values[..., triangles[self.triangle], :]
        return np.einsum("nk,...nkc->...nc", self.weights, corners)


class Surface:
    """A mesh that is asked for closest points again and again."""

    def __init__(self, points: Points, triangles: Triangles) -> None:
        self.corners = points[triangles]
        self.normals = unit(triangle_normals(points, triangles))
        self.tree = KDTree(self.corners.mean(1))

    def closest(
        self, points: Points, normals: Points | None = None, candidates: int = CANDIDATES
    ) -> Closest:
        """Find the closest places; given `normals`, on triangles that face the same way.

        A triangle that faces another way is taken only where no other is near. Only the
        `candidates` triangles with the nearest centres are looked at.
        """
        count = min(candidates, len(self.corners))
        found = self.tree.query(points, k=count)[1].reshape(len(points), -1)
        weights = barycentric(points[:, None], self.corners[found])
        places = np.einsum("nck,nckd->ncd", weights, self.corners[found])
        distance = np.linalg.norm(places - points[:, None], axis=-1)
        facing = np.ones(distance.shape, bool)
        if normals is not None:
            facing = np.einsum("ncd,nd->nc", self.normals[found], normals) > FACING
            facing |= distance < TOUCHING
        best, row = (distance + 1e6 * ~facing).argmin(1), np.arange(len(points))
        return Closest(
            triangle=found[row, best],
            weights=weights[row, best],
            points=places[row, best],
            distance=distance[row, best],
            facing=facing[row, best],
        )


def barycentric(
    points: Float[np.ndarray, "... 3"], corners: Float[np.ndarray, "... 3 3"]
) -> Float[np.ndarray, "... 3"]:
    """Return the barycentric coordinates of the places of triangles closest to points.

    Ericson, Real-Time Collision Detection, 5.1.5: inside where the projection falls inside, else
    the closest of the three edges.
    """
    a, b, c = (corners[..., i, :] for i in range(3))
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack([1 - v - w, v, w], -1)
    best, nearest = inside, np.where((inside >= 0).all(-1), -1.0, np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, along = corners[..., i, :], corners[..., j, :] - corners[..., i, :]
        share = ((points - start) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-30)
        share = share.clip(0, 1)
        away = ((points - start - share[..., None] * along) ** 2).sum(-1)
        edge = np.zeros((*away.shape, 3))
        edge[..., i], edge[..., j] = 1 - share, share
        closer = away < nearest
        best = np.where(closer[..., None], edge, best)
        nearest = np.where(closer, away, nearest)
    return best
