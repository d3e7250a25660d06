"""Files of corpora of vertices: units, faces at rest, names, arrays that are mapped, not loaded."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.data.readers.folder import warn_left_out
from distill.errors import UserError
from distill.pickles import read_pickle

MM_PER_UNIT = {"m": 1000.0, "cm": 10.0, "mm": 1.0}
FACE_MM, WHOLE_FACE_MM = (120.0, 450.0), 230.0
"""Largest extent of what can be a face or head, and of a usual one."""


def mm_per_unit(units: str | float | int) -> float:
    """Return how many mm one unit of the arrays is.

    Raises:
        UserError: It is neither a known unit nor a positive number.
    """
    try:
        scale = MM_PER_UNIT.get(str(units)) or float(units)
    except ValueError:
        scale = 0.0
    if not 0.0 < scale < np.inf:
        raise UserError(f"data.units={units} is none of m, cm, mm or the mm of one unit")
    return scale


def read_templates(
    path: Path, scale: float, units: str | float | int
) -> dict[str, Float[np.ndarray, "V 3"]]:
    """Read every subject's face at rest, in mm.

    Raises:
        UserError: The file is no such table, or in this unit its faces have not the size of faces.
    """
    table = read_pickle(path)
    faces = {
        str(subject): np.asarray(face, np.float32).reshape(-1, 3) * np.float32(scale)
        for subject, face in (table.items() if isinstance(table, dict) else ())
        if isinstance(face, np.ndarray) and face.size % 3 == 0
    }
    if not faces or len({face.shape for face in faces.values()}) > 1:
        raise UserError(f"{path} is no table of faces of one topology by subject; copy it again")
    size_mm = float(np.median([np.ptp(face, 0).max() for face in faces.values()]))
    if not FACE_MM[0] <= size_mm <= FACE_MM[1]:
        fitting = [
            unit
            for unit, mm in MM_PER_UNIT.items()
            if FACE_MM[0] <= size_mm / scale * mm <= FACE_MM[1]
        ] or [f"{WHOLE_FACE_MM * scale / size_mm:.3g} (mm of one unit, for a usual face)"]
        raise UserError(
            f"{path} holds faces {size_mm:.4g} mm tall with data.units={units}, and faces are "
            f"{FACE_MM[0]:g} to {FACE_MM[1]:g} mm; set data.units={fitting[0]}"
        )
    return faces


def paired(folder: Path) -> list[str]:
    """Return the names that have both motion and sound; warn about the others, by name."""
    moved = {path.stem for path in (folder / "vertices_npy").glob("*.npy")}
    heard = {path.stem for path in (folder / "wav").glob("*.wav")}
    alone = [f"wav/{name}.wav" for name in sorted(moved - heard)]
    alone += [f"vertices_npy/{name}.npy" for name in sorted(heard - moved)]
    warn_left_out(folder, alone)
    return sorted(moved & heard)


def owner(stem: str, templates: Mapping[str, np.ndarray], folder: Path) -> str:
    """Return the subject whose name a file begins with.

    Raises:
        UserError: There is no template of that name.
    """
    found = [subject for subject in templates if stem.startswith(f"{subject}_")]
    if not found:
        raise UserError(
            f"{folder}/templates.pkl has no subject that {stem} begins with (it has "
            f"{', '.join(sorted(templates)[:4])}, ...); complete it or move the file away"
        )
    return max(found, key=len)


def mapped(path: Path) -> np.ndarray:
    """Map an array of numbers (T, N) from its file.

    Raises:
        UserError: It is none.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        return values.reshape(len(values), -1)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is no array of numbers ({error}); copy it again") from error


def frames_in(path: Path, count: int) -> int:
    """Return how many frames of `count` vertices a file holds.

    Raises:
        UserError: It holds other vertices.
    """
    values = mapped(path)
    if values.shape[1] != count * 3:
        raise UserError(
            f"{path} has {values.shape[1]:,} values a frame where its template has {count:,} x 3; "
            "both must be of one topology"
        )
    return len(values)


def sentence_number(name: str) -> int:
    """Return the number that a sentence's name ends with, or 0."""
    digits = re.search(r"\d+$", name)
    return int(digits[0]) if digits else 0
