"""Whether points of a face lie, and move, where the rig has them."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from distill.data.doctor.finding import Finding, error
from distill.data.doctor.sample import Sample

FITS, MISFITS = 0.8, -0.5
"""Correlation of the mean face with the rig at rest, along x."""
ASTRAY = 0.25
"""Distance of a point from its place, as a share of the face's size."""
DEALS = 400
BY_CHANCE = 0.01


def place_findings(sample: Sample) -> list[Finding]:
    """Compare where points lie on average with where the rig has them."""
    rig = sample.rig
    rest = rig.neutral.cpu().double().numpy()
    with torch.no_grad():
        mean = rig.to_vertices(torch.from_numpy(sample.mean.astype(np.float32)).to(rig.neutral))
    face = mean.cpu().double().numpy()
    rest, face = rest - rest.mean(0), face - face.mean(0)
    size = np.sqrt((rest**2).sum() / max((face**2).sum(), 1e-12))
    along_x = float(np.corrcoef(rest[:, 0], face[:, 0])[0, 1])
    along_y = float(np.corrcoef(rest[:, 1], face[:, 1])[0, 1])
    if along_x < MISFITS and along_y > FITS:
        return [
            error(
                "left_right_swapped",
                "all points",
                f"points on the left of the rig lie on the right (r {along_x:.2f} along x)",
                "exchange the sides of the points, or undo a mirrored picture",
            )
        ]
    apart = np.linalg.norm(face * size - rest, axis=1) / np.ptp(rest, axis=0).max()
    astray = np.flatnonzero(apart > ASTRAY)
    if len(astray) or min(along_x, along_y) < FITS:
        return [
            error(
                "shuffled_channels",
                [f"point {i}" for i in astray],
                f"{len(astray)} of {len(rest)} points lie far from where the rig has them (r "
                f"{along_x:.2f} along x, {along_y:.2f} along y)",
                "number the points as the rig does; check that y points up",
            )
        ]
    return []


def neighbour_findings(sample: Sample) -> list[Finding]:
    """Points beside each other move together; after a shuffle of columns they do not."""
    rest = sample.rig.neutral.cpu().double().numpy()
    axes = len(sample.rig.channels) // len(rest)
    motion = sample.motion().astype(np.float64)
    moves = motion.std(0) > 0
    alike = np.zeros((len(moves), len(moves)))
    used = np.flatnonzero(moves)
    alike[np.ix_(used, used)] = np.corrcoef(motion[:, used].T)
    pairs = []
    for axis in range(axes):
        own = np.flatnonzero(sample.kept % axes == axis)
        if len(own) > 1:
            places = rest[sample.kept[own] // axes]
            nearest = np.asarray(KDTree(places).query(places, 2)[1])[:, 1]
            pairs += list(zip(own, own[nearest], strict=True))
    pairs = [(i, j) for i, j in pairs if moves[i] and moves[j]]
    if len(pairs) < 6:
        return []
    near = float(np.mean([alike[i, j] for i, j in pairs]))
    chance = by_chance(alike, used, len(pairs))
    if float((chance >= near).mean()) <= BY_CHANCE:
        return []
    return [
        error(
            "shuffled_channels",
            "all points",
            f"points beside each other move no more alike (mean r {near:.2f}) than points "
            f"paired by chance (up to {np.quantile(chance, 0.99):.2f})",
            "number the points as the rig does, x and y in its order",
        )
    ]


def mirror_points(rest: Float[np.ndarray, "V 3"]) -> Int[np.ndarray, " V"]:
    """Return for every point of a face the one that lies where its mirror image does."""
    return np.asarray(KDTree(rest).query(rest * (-1.0, 1.0, 1.0))[1])


def by_chance(alike: np.ndarray, pool: np.ndarray, pairs: int) -> np.ndarray:
    """Return the mean correlation of so many pairs of channels dealt at random, many times."""
    rng = np.random.default_rng(0)
    count = min(pairs, len(pool) // 2)
    deals = [rng.choice(pool, 2 * count, replace=False) for _ in range(DEALS)]
    return np.array([alike[deal[:count], deal[count:]].mean() for deal in deals])
