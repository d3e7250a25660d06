"""Reading ICT-FaceKit: the public folder of OBJ files, or a compact npz of the same model."""

import itertools
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from distill.errors import UserError
from distill.face.ict_names import ICT_53, LANDMARKS_68, PARTS

HOW_TO_GET = (
    "download ICT-FaceKit (MIT licence, github.com/ICT-VGL/ICT-FaceKit) and give its folder with "
    "rig.path=FOLDER"
)
NEUTRAL = "generic_neutral_mesh"
IDENTITIES = 100
NARROW = 6706
"""Vertices of the narrow face area, the first of the model (table of the ICT-FaceKit README)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class IctModel:
    """The model as stored, in cm.

    Attributes:
        neutral: Rest positions (V 3).
        expression: Displacements in `ICT_53` order (53 V 3).
        triangles: Vertex indices (T 3).
        landmarks: The 68 Multi-PIE landmark vertices.
        part: Name of the part of each vertex (V).
        original: Number of each vertex in the public model (V).
        identity: Displacements of the first identity modes, those asked for (I V 3).
    """

    neutral: np.ndarray
    expression: np.ndarray
    triangles: np.ndarray
    landmarks: np.ndarray
    part: np.ndarray
    original: np.ndarray
    identity: np.ndarray


def read_model(
    path: str | Path | None, *, allow_missing: bool = False, identities: int = 0
) -> IctModel:
    """Read the model from a folder (`FaceXModel` or its parent) or an npz file.

    `identities` is the number of identity modes to read with it.

    Raises:
        UserError: No path, nothing usable there, or expressions are missing and
            `allow_missing` is false.
    """
    if path is None:
        raise UserError(f"rig 'ict' needs the user's copy of the model: {HOW_TO_GET}")
    path = Path(path).expanduser()
    if path.is_file():
        return _read_npz(path, identities)
    for folder in (path, path / "FaceXModel"):
        if (folder / f"{NEUTRAL}.obj").is_file():
            return _read_folder(folder, allow_missing, identities)
    raise UserError(f"no {NEUTRAL}.obj in {path} or its FaceXModel folder; {HOW_TO_GET}")


def narrow(model: IctModel) -> IctModel:
    """Return the narrow face area alone: no ears, neck, eyes or teeth."""
    kept = np.flatnonzero(model.original < NARROW)
    place = np.full(len(model.original), -1)
    place[kept] = np.arange(len(kept))
    triangles = place[model.triangles]
    return replace(
        model,
        neutral=model.neutral[kept],
        expression=model.expression[:, kept],
        triangles=triangles[(triangles >= 0).all(1)],
        landmarks=place[model.landmarks],
        part=model.part[kept],
        original=model.original[kept],
        identity=model.identity[:, kept],
    )


def _read_npz(path: Path, identities: int) -> IctModel:
    try:
        with np.load(path, allow_pickle=False) as data:
            names = [str(n) for n in data["expression_names"]]
            order = [names.index(n) for n in ICT_53]
            count = len(data["neutral"])
            part = np.full(count, "face", "<U20")
            if "vertex_part" in data:
                part = np.array([str(n) for n in data["part_names"]])[data["vertex_part"]]
            original = data["orig_vertex_idx"] if "orig_vertex_idx" in data else np.arange(count)
            modes = data["identity"][:identities] if identities else np.zeros((0, count, 3))
            return IctModel(
                neutral=data["neutral"].astype(np.float32),
                expression=data["expression"][order].astype(np.float32),
                triangles=data["tris"].astype(np.int64),
                landmarks=data["landmarks68"].astype(np.int64),
                part=part,
                original=original.astype(np.int64),
                identity=modes.astype(np.float32),
            )
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not an ICT-FaceKit npz ({error}); {HOW_TO_GET}") from error


def _vertices(path: Path) -> np.ndarray:
    """Vertex positions of an OBJ file (N 3)."""
    try:
        lines = path.read_bytes().split(b"\n")
        rows = b" ".join(line[2:] for line in lines if line.startswith(b"v "))
        return np.array(rows.split(), np.float64).reshape(-1, 3).astype(np.float32)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable OBJ file ({error}); {HOW_TO_GET}") from error


def _triangles(path: Path) -> np.ndarray:
    """Faces of an OBJ file cut into triangles (T 3)."""
    triangles = []
    for line in path.read_bytes().split(b"\n"):
        if line.startswith(b"f "):
            corners = [int(c.split(b"/")[0]) - 1 for c in line[2:].split()]
            triangles += [(corners[0], b, c) for b, c in itertools.pairwise(corners)]
    return np.array(triangles, np.int64)


def _read_folder(folder: Path, allow_missing: bool, identities: int) -> IctModel:
    modes = [f"identity{i:03d}" for i in range(identities)]
    missing = [n for n in (*ICT_53, *modes) if not (folder / f"{n}.obj").is_file()]
    if missing and not allow_missing:
        shown = ", ".join(missing[:4]) + (", ..." if len(missing) > 4 else "")
        raise UserError(
            f"{folder} lacks {len(missing)} of {len(ICT_53) + identities} shape files ({shown}); "
            f"{HOW_TO_GET}, or take absent shapes as zero with rig.allow_missing=true"
        )
    count = PARTS["eyeball_right"][1]
    neutral = _vertices(folder / f"{NEUTRAL}.obj")
    if len(neutral) < count:
        raise UserError(
            f"{folder / NEUTRAL}.obj has {len(neutral)} vertices, not 26719; {HOW_TO_GET}"
        )

    def shapes(names: Sequence[str]) -> np.ndarray:
        """Displacements of shape files; zero for those that are missing."""
        moved = np.zeros((len(names), count, 3), np.float32)
        for i, name in enumerate(names):
            if name not in missing:
                moved[i] = _displacement(folder / f"{name}.obj", neutral)[:count]
        return moved

    triangles = _triangles(folder / f"{NEUTRAL}.obj")
    part = np.concatenate([np.full(b - a, name, "<U20") for name, (a, b) in PARTS.items()])
    return IctModel(
        neutral=neutral[:count],
        expression=shapes(ICT_53),
        triangles=triangles[(triangles < count).all(1)],
        landmarks=np.array(LANDMARKS_68),
        part=part,
        original=np.arange(count),
        identity=shapes(modes),
    )


def _displacement(path: Path, neutral: np.ndarray) -> np.ndarray:
    shape = _vertices(path)
    if shape.shape != neutral.shape:
        raise UserError(
            f"{path} has {len(shape)} vertices but the neutral mesh has {len(neutral)}; "
            f"{HOW_TO_GET}"
        )
    return shape - neutral
