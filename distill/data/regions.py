"""Regions of a mesh from the files that corpora of vertices come with: masks, lists, triangles."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from distill.errors import UserError
from distill.pickles import read_pickle

MIDDLE = 0.6
"""Share of the mouth's width in which facing lip vertices are looked for."""


def read_region(spec: str, count: int, usual: str) -> Int[np.ndarray, " N"]:
    """Read vertex indices: `FILE`, or `FILE:name+name` of a file of named regions.

    A file is a list of numbers as text (`lve.txt`), an array (`.npy`), or a pickled table of
    regions (`FLAME_masks.pkl`), of which `usual` are taken when none is named.

    Raises:
        UserError: No such file or region, or an index outside the `count` vertices of the mesh.
    """
    name, _, chosen = spec.partition(":") if not Path(spec).is_file() else (spec, "", "")
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{path} does not exist; give a file of vertex indices")
    try:
        index = np.asarray(_region_of(path, chosen or usual)).astype(np.int64, casting="same_kind")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} holds no list of vertex indices ({error})") from error
    index = np.unique(index)
    if not len(index) or index[0] < 0 or index[-1] >= count:
        raise UserError(
            f"{path} names {len(index)} vertices, not all of them in 0 to {count - 1}; give the "
            "file of this topology"
        )
    return index


def _region_of(path: Path, names: str) -> Any:
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False).ravel()
    if path.suffix != ".pkl":
        return [int(word) for word in re.split(r"[\s,;\[\]]+", path.read_text()) if word]
    table = read_pickle(path)
    if not isinstance(table, dict):
        return table
    unknown = [name for name in names.split("+") if name not in table]
    if unknown:
        raise UserError(f"{path} has no region {unknown[0]!r}; it has {', '.join(map(str, table))}")
    return np.concatenate([np.asarray(table[name]).ravel() for name in names.split("+")])


def read_triangles(path: Path, count: int) -> Int[np.ndarray, "T 3"]:
    """Read the triangles of a mesh of `count` vertices (PLY, OBJ, ...) or an array of them (.npy).

    Raises:
        UserError: The mesh cannot be read or has other vertices.
    """
    if Path(path).suffix == ".npy":
        try:
            triangles, vertices = np.load(path, allow_pickle=False).astype(np.int64), count
        except (OSError, ValueError) as error:
            raise UserError(f"{path} is no array of triangles ({error})") from error
    else:
        triangles, vertices = _read_mesh(Path(path))
    fits = triangles.ndim == 2 and triangles.shape[1] == 3 and vertices == count
    if not fits or triangles.min(initial=0) < 0 or triangles.max(initial=0) >= count:
        raise UserError(
            f"{path} has {vertices} vertices and faces of shape {triangles.shape}, which is no "
            f"mesh of the {count} vertices of this corpus"
        )
    return triangles


def _read_mesh(path: Path) -> tuple[np.ndarray, int]:
    try:
        import trimesh
    except ModuleNotFoundError as missing:
        raise UserError(
            "trimesh is not installed, which reads meshes; run `python -m pip install "
            "facedistill[mesh]` or give triangles as .npy"
        ) from missing
    try:
        mesh: Any = trimesh.load(path, process=False, maintain_order=True, force="mesh")
        return np.asarray(mesh.faces, np.int64), len(mesh.vertices)
    except Exception as error:  # trimesh raises whatever its parsers meet
        raise UserError(f"{path} is no mesh that can be read ({error})") from error


def facing_pairs(
    neutral: Float[np.ndarray, "V 3"],
    lips: Int[np.ndarray, " L"],
    opening: Float[np.ndarray, "V 3"],
) -> Int[np.ndarray, "P 2"]:
    """Return lip vertices that face each other, upper first, from how an opening mouth moves.

    Of the lip vertices in the middle of the mouth, those that follow an `opening` displacement
    are the lower lip and those that stay the upper one; pairs are each other's nearest at rest.
    """
    if not len(lips):
        return np.zeros((0, 2), np.int64)
    x = neutral[lips, 0]
    middle = lips[np.abs(x - (x.min() + x.max()) / 2) <= MIDDLE * np.ptp(x) / 2]
    share = np.linalg.norm(opening[middle], axis=1)
    follows = share > (share.min() + share.max()) / 2
    upper, lower = middle[~follows], middle[follows]
    if not len(upper) or not len(lower):
        return np.zeros((0, 2), np.int64)
    down = np.asarray(KDTree(neutral[lower]).query(neutral[upper])[1])
    up = np.asarray(KDTree(neutral[upper]).query(neutral[lower])[1])
    mutual = up[down] == np.arange(len(upper))
    return np.stack([upper[mutual], lower[down[mutual]]], 1)
