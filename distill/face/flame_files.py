"""Reading FLAME: the published pickle or an npz of the same arrays, and its vertex masks."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distill.errors import UserError
from distill.pickles import Foreign, read_pickle

HOW_TO_GET = (
    "ask for FLAME at flame.is.tue.mpg.de (its own licence; nothing of it is shipped here) and "
    "give its file with rig.path=generic_model.pkl"
)
JOINTS = ("root", "neck", "jaw", "eye_left", "eye_right")
SHAPES = 300
"""Columns of `shapedirs` that say who it is; expressions follow."""
LARGEST = 100_000_000
"""Numbers in the largest array that a model may unfold to."""
KEYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "kintree_table", "weights")


@dataclass(frozen=True, eq=False, kw_only=True)
class FlameModel:
    """The model as stored, in metres, float32.

    Attributes:
        template: Mean face (V 3).
        triangles: Vertex indices (T 3).
        shape: Displacement per unit of identity (300 V 3).
        expression: Displacement per unit of expression (E V 3).
        pose: Displacement per entry of the turns of neck, jaw and eyes (36 V 3).
        regressor: Where joints are among the vertices (5 V).
        parents: Parent of each of `JOINTS`; the root's is -1.
        weights: How much each vertex follows each joint (V 5).
    """

    template: np.ndarray
    triangles: np.ndarray
    shape: np.ndarray
    expression: np.ndarray
    pose: np.ndarray
    regressor: np.ndarray
    parents: tuple[int, ...]
    weights: np.ndarray


def read_model(path: str | Path | None) -> FlameModel:
    """Read the model; nothing in the file is executed.

    Raises:
        UserError: No path, or the file is not FLAME's.
    """
    if path is None:
        raise UserError(f"rig 'flame' needs the user's copy of the model: {HOW_TO_GET}")
    values = _table(Path(path).expanduser())
    missing = [key for key in KEYS if key not in values]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)} of a FLAME model; {HOW_TO_GET}")
    try:
        return _model({key: dense(values[key]) for key in KEYS})
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise UserError(f"{path} is not a FLAME model ({error}); {HOW_TO_GET}") from error


def read_masks(path: str | Path) -> dict[str, np.ndarray]:
    """Read named vertex indices: the published `FLAME_masks.pkl`, or an npz of such arrays.

    Raises:
        UserError: No such file, or it holds something else.
    """
    values = _table(Path(path).expanduser())
    try:
        return {str(name): dense(value).astype(np.int64) for name, value in values.items()}
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise UserError(f"{path} does not hold vertex masks ({error})") from error


def dense(value: Any) -> np.ndarray:
    """Return the array in the stored state of a chumpy array or sparse matrix, or in a plain one.

    Raises:
        ValueError: It is none of them.
    """
    if isinstance(value, Foreign):
        state = value.state
        if "indptr" in state:
            height, width = state["_shape"]
            if height * width > LARGEST:
                raise ValueError(f"a sparse matrix of {height} x {width} numbers")
            out = np.zeros((height, width))
            columns = np.repeat(np.arange(width), np.diff(state["indptr"]))
            np.add.at(out, (state["indices"], columns), state["data"])
            return out
        if "x" not in state:
            raise ValueError(f"an object with {', '.join(map(str, state)) or 'nothing'} inside")
        value = state["x"]
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"values of type {array.dtype}")
    return array


def _table(path: Path) -> Mapping[str, Any]:
    if path.suffix != ".npz":
        values = read_pickle(path)
        if not isinstance(values, dict):
            raise UserError(f"{path} holds a {type(values).__name__}, not named arrays")
        return values
    try:
        with np.load(path, allow_pickle=False) as data:
            return dict(data)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{path} is not a readable npz ({error})") from error


def _model(values: Mapping[str, np.ndarray]) -> FlameModel:
    count, joints = len(values["v_template"]), len(JOINTS)
    basis, pose = values["shapedirs"], values["posedirs"]
    shapes = {
        "v_template": (count, 3), "f": (len(values["f"]), 3), "posedirs": (count, 3, 36),
        "shapedirs": (count, 3, max(basis.shape[-1], SHAPES + 1)),
        "J_regressor": (joints, count), "kintree_table": (2, joints), "weights": (count, joints),
    }  # fmt: skip
    for name, shape in shapes.items():
        if values[name].shape != shape:
            raise ValueError(f"{name} has shape {values[name].shape}, not {shape}")
    if not np.allclose(values["weights"].sum(1), 1.0, atol=1e-3):
        raise ValueError("the weights of a vertex do not add up to 1")
    parents = tuple(int(parent) for parent in values["kintree_table"][0, 1:].astype(np.int64))
    if not all(0 <= parent < joint for joint, parent in enumerate(parents, 1)):
        raise ValueError(f"joints hang on {parents}, not each on one before it")
    triangles = values["f"].astype(np.int64)
    if triangles.min() < 0 or triangles.max() >= count:
        raise ValueError(f"a triangle names a vertex outside 0..{count - 1}")
    moved = np.moveaxis(basis, -1, 0).astype(np.float32)
    return FlameModel(
        template=values["v_template"].astype(np.float32),
        triangles=triangles,
        shape=moved[:SHAPES],
        expression=moved[SHAPES:],
        pose=np.moveaxis(pose, -1, 0).astype(np.float32),
        regressor=values["J_regressor"].astype(np.float32),
        parents=(-1, *parents),
        weights=values["weights"].astype(np.float32),
    )
