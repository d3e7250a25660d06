"""Files of a mesh with ARKit shapes: npz, or GLB with 52 named morph targets."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from distill.errors import UserError
from distill.face.glb import Morphs, build_gltf, read_morphs, write_glb
from distill.face.names import ARKIT_52
from distill.storage import atomic_path

KEY = "facedistill"
"""Where a GLB keeps what it has no field for."""
SUFFIXES = (".glb", ".npz")


@dataclass(frozen=True, eq=False, kw_only=True)
class Kept:
    """A mesh with shapes as it is kept in a file; fields as in `Shapes`.

    `points` (V 3), `triangles` (T 3) and `shapes` (52 V 3, in `ARKIT_52` order) are in the units
    and the orientation of the user's mesh.
    """

    points: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    shapes: Float[np.ndarray, "52 V 3"]
    mm_per_unit: float
    to_front: Float[np.ndarray, "3 3"]
    lips: Int[np.ndarray, " L"]
    upper: Int[np.ndarray, " U"]
    lip_pairs: Int[np.ndarray, "P 2"]

    def to_mm(self, values: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """Turn positions or displacements of the mesh to mm, y up, z forward."""
        return self.mm_per_unit * (values @ self.to_front.T)


def write_shapes(path: str | Path, kept: Kept) -> None:
    """Write a mesh with shapes atomically, in the format its suffix names.

    Raises:
        UserError: Unknown suffix or unwritable folder.
    """
    suffix = check_suffix(path)
    further = {name: getattr(kept, name) for name in ("to_front", "lips", "upper", "lip_pairs")}
    if suffix == ".npz":
        with atomic_path(Path(path)) as temporary:
            np.savez_compressed(
                temporary, neutral=kept.points, tris=kept.triangles,
                expression=kept.shapes.astype(np.float32), expression_names=np.array(ARKIT_52),
                mm_per_unit=np.float64(kept.mm_per_unit), **further,
            )  # fmt: skip
        return
    extras = {name: value.tolist() for name, value in further.items()}
    morphs = Morphs(
        points=kept.points, triangles=kept.triangles, shapes=kept.shapes, names=ARKIT_52,
        extras={KEY: {"mm_per_unit": kept.mm_per_unit, **extras}},
    )  # fmt: skip
    turn = Rotation.from_matrix(kept.to_front).as_quat().tolist()
    write_glb(path, build_gltf(morphs, scale=kept.mm_per_unit / 1000, rotation=turn))


def read_shapes(path: str | Path) -> Kept:
    """Read what `write_shapes` wrote; never executes what is in it.

    Raises:
        UserError: Missing or foreign file.
    """
    if check_suffix(path) == ".npz":
        return _read_npz(Path(path))
    morphs = read_morphs(path)
    further = morphs.extras.get(KEY)
    if not further or morphs.names != ARKIT_52:
        raise UserError(f"{path} was not written by `python -m distill.retarget`; retarget it")
    return _kept(morphs.points, morphs.triangles, morphs.shapes, further)


def check_suffix(path: str | Path) -> str:
    """Return the lower-case suffix of a file of shapes, or refuse it."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path} is not a mesh with shapes; use one of {', '.join(SUFFIXES)}")
    return suffix


def _read_npz(path: Path) -> Kept:
    try:
        with np.load(path, allow_pickle=False) as data:
            if tuple(str(n) for n in data["expression_names"]) != ARKIT_52:
                raise ValueError("its shapes are not the 52 of ARKit")
            return _kept(data["neutral"], data["tris"], data["expression"], data)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{path} is not a mesh with ARKit shapes ({error})") from error


def _kept(points: np.ndarray, triangles: np.ndarray, shapes: np.ndarray, further: Any) -> Kept:
    return Kept(
        points=np.asarray(points, float),
        triangles=np.asarray(triangles, int),
        shapes=np.asarray(shapes, float),
        mm_per_unit=float(further["mm_per_unit"]),
        to_front=np.asarray(further["to_front"], float),
        lips=np.asarray(further["lips"], int),
        upper=np.asarray(further["upper"], int),
        lip_pairs=np.asarray(further["lip_pairs"], int).reshape(-1, 2),
    )
