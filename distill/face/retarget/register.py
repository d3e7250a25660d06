"""Non-rigid registration: bends the source face until it lies on the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float
from scipy.sparse.linalg import SuperLU, splu

from distill.face.retarget.surface import (
    Points,
    Surface,
    Triangles,
    triangle_normals,
    vertex_normals,
)

LENGTHS_MM = (80.0, 45.0, 25.0, 15.0, 10.0, 7.0, 5.0, 4.0, 3.2)
"""Over what distance the bending is smooth, stiffest first."""
ROUNDS = 2
"""Closest points are looked up this often per length."""
REACH_MM = (40.0, 6.0)
"""Closest points further away than this are ignored, at the first and the last length."""
LANDMARK_MM2 = 60.0
"""A landmark counts like this much surface."""


@dataclass(frozen=True, eq=False)
class Laid:
    """The source after registration.

    Attributes:
        points: Vertices of the source, bent onto the target (V 3).
        distance_mm: How far each lies from the target (V).
    """

    points: Points
    distance_mm: Float[np.ndarray, " V"]


def stiffness(points: Points, triangles: Triangles) -> tuple[sp.csc_array, np.ndarray]:
    """Return the cotangent stiffness matrix (V V) and the area of each vertex (V)."""
    count = len(points)
    area = np.linalg.norm(triangle_normals(points, triangles), axis=1) / 2
    rows, columns, values = [], [], []
    for i in range(3):
        apex, a, b = (points[triangles[:, (i + k) % 3]] for k in range(3))
        cotangent = ((a - apex) * (b - apex)).sum(1) / np.maximum(2 * area, 1e-9)
        weight = cotangent.clip(0.05, 20) / 2
        one, two = triangles[:, (i + 1) % 3], triangles[:, (i + 2) % 3]
        rows += [one, two, one, two]
        columns += [two, one, one, two]
        values += [-weight, -weight, weight, weight]
    matrix = sp.coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (count, count)
    )
    mass = np.bincount(triangles.ravel(), np.repeat(area / 3, 3), count)
    return matrix.tocsc(), np.maximum(mass, 1e-6)


def register(
    points: Points,
    triangles: Triangles,
    driven: Bool[np.ndarray, " V"],
    target: Surface,
    marks: Sequence[tuple[int, Float[np.ndarray, " 3"]]] = (),
) -> Laid:
    """Bend a mesh onto a surface; lengths in mm.

    Minimizes area-weighted squared distance to the closest places that face the same way plus
    L^4 times the squared Laplacian of the displacement, with L going from stiff to soft (as in
    Amberg et al. 2007, with one displacement per vertex instead of an affine map).

    Args:
        points: Vertices of the source, already placed by a similarity (V 3).
        triangles: Its triangles (T 3).
        driven: Vertices that look for closest places; the others follow smoothly.
        target: The surface.
        marks: Vertices that must come to lie at given places.
    """
    stiff, mass = stiffness(points, triangles)
    bend = (stiff @ sp.diags_array(1 / mass) @ stiff).tocsc()
    index = np.array([i for i, _ in marks], int)
    places = np.array([p for _, p in marks]).reshape(-1, 3)
    held = np.bincount(index, np.full(len(index), LANDMARK_MM2), len(points))
    now, drawn = points.copy(), np.flatnonzero(driven)
    reaches = np.geomspace(*REACH_MM, len(LENGTHS_MM))
    for length, reach in zip(LENGTHS_MM, reaches, strict=True):
        for _ in range(ROUNDS):
            near = target.closest(now[drawn], vertex_normals(now, triangles)[drawn])
            used = near.facing & (near.distance < reach)
            weight = np.zeros(len(points))
            weight[drawn] = mass[drawn] * used / (1 + (near.distance / (0.25 * reach)) ** 2)
            goal = np.zeros_like(points)
            goal[drawn] = near.points - points[drawn]
            pulled = weight[:, None] * goal
            np.add.at(pulled, index, LANDMARK_MM2 * (places - points[index]))
            system = sp.diags_array(weight + held + 1e-6 * mass) + length**4 * bend
            now = points + factorized(system.tocsc()).solve(pulled)
    near = target.closest(now, vertex_normals(now, triangles))
    return Laid(now, near.distance)


def factorized(matrix: sp.csc_array) -> SuperLU:
    """Factorize a symmetric positive definite matrix."""
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
