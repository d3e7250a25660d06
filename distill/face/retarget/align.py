"""Where the source face lies on a target: a similarity, from landmarks or by search."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from distill.face.retarget.surface import Points

FRONTS = {
    "y up, z front": np.eye(3),
    "z up, -y front": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "y up, -z front": np.diag([-1.0, 1, -1]),
    "z up, y front": np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
}
"""Turns from the source (y up, z front) to the usual ways heads stand in files."""
SHARES = 1.12 * 1.22 ** -np.arange(14)
"""Heights of the source face that are tried, relative to the target's longest side."""
TRIMMED = 0.85
COARSE_TURNS, FINE_TURNS, FINALISTS = 5, 20, 10
NOSES = 6
OPPOSED_MM = 15.0
"""What a right angle between normals costs."""


@dataclass(frozen=True, eq=False)
class Similarity:
    """The map x -> scale * rotation @ x + shift, from source to target."""

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    shift: Float[np.ndarray, " 3"]

    def __call__(self, points: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """Map source points to the target."""
        return self.scale * points @ self.rotation.T + self.shift

    def back(self, points: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """Map target points to the source."""
        return (points - self.shift) @ self.rotation / self.scale

    def vectors(self, values: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """Map source displacements to the target."""
        return self.scale * values @ self.rotation.T


def fitted(source: Points, target: Points) -> Similarity:
    """Return the similarity with the least squared error (Umeyama 1991), never a reflection."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, sizes, vt = np.linalg.svd(b.T @ a)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign) @ vt
    scale = float((sizes * sign).sum() / (a**2).sum())
    return Similarity(scale, rotation, target.mean(0) - scale * source.mean(0) @ rotation.T)


@dataclass(frozen=True, eq=False)
class Found:
    """A similarity and how well it fits: trimmed distance in source mm, and which way it stands."""

    similarity: Similarity
    error_mm: float
    stands: str


def search(
    source: Points, normals: Points, nose: np.ndarray, target: Points, target_normals: Points
) -> Found:
    """Find the similarity by trimmed ICP from many starts; needs no landmarks.

    Args:
        source: Points of the source face.
        normals: Their unit normals.
        nose: Tip of the source's nose (3), which is put on the tips of the target.
        target: Points of the target that are seen from outside.
        target_normals: Their unit normals.
    """
    height, side = np.ptp(source[:, 1]), np.ptp(target, axis=0).max()
    every = max(1, len(target) // 4000)
    target, target_normals = target[::every], target_normals[::every]
    icp = _Icp(source, normals, target, target_normals)
    tried: list[Found] = []
    for stands, turn in FRONTS.items():
        for scale in SHARES * side / height:
            for tip in _tips(target @ turn, 0.25 * scale * height):
                start = Similarity(scale, turn, target[tip] - scale * nose @ turn.T)
                tried.append(Found(*icp(start, COARSE_TURNS), stands))
    tried.sort(key=lambda found: found.error_mm)
    final = [Found(*icp(found.similarity, FINE_TURNS), found.stands) for found in tried[:FINALISTS]]
    return min(final, key=lambda found: found.error_mm)


def _tips(points: Points, radius: float) -> list[int]:
    """Return the foremost points, none within `radius` of another, most forward first."""
    middle = (points[:, 0].min() + points[:, 0].max()) / 2
    chosen: list[int] = []
    for i in np.argsort(-points[:, 2]):
        if abs(points[i, 0] - middle) > radius:
            continue
        if all(np.linalg.norm(points[i] - points[j]) > radius for j in chosen):
            chosen.append(int(i))
        if len(chosen) == NOSES:
            break
    return chosen


class _Icp:
    """Trimmed ICP; a pair whose normals disagree counts as further away."""

    def __init__(
        self, source: Points, normals: Points, target: Points, target_normals: Points
    ) -> None:
        self.source, self.normals = source, normals
        self.target, self.target_normals = target, target_normals
        self.tree = KDTree(target)

    def __call__(self, start: Similarity, turns: int) -> tuple[Similarity, float]:
        """Return where a start leads and the trimmed mean cost there, in source mm."""
        now, error = start, np.inf
        for _ in range(turns):
            distance, index = map(np.asarray, self.tree.query(now(self.source)))
            turned = self.normals @ now.rotation.T
            facing = np.einsum("nd,nd->n", turned, self.target_normals[index])
            cost = distance / now.scale + OPPOSED_MM * (1 - facing)
            kept = cost <= np.quantile(cost, TRIMMED)
            error = float(cost[kept].mean())
            now = fitted(self.source[kept], self.target[index[kept]])
            if not 0.6 < now.scale / start.scale < 1.6:
                return start, np.inf
        return now, error
