"""A face of a few vertices in FLAME's layout, as a pickle like Python 2 wrote them."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

COLUMNS, ROWS = np.linspace(-0.05, 0.05, 13), np.linspace(-0.04, 0.09, 14)
SLIT_HALF, SLIT_Y = 0.021, -0.015


@dataclass(frozen=True)
class Stored:
    """An object of a library that is not installed, as a pickle holds it."""

    module: str
    name: str
    state: dict[str, Any]


class _Old(pickle._Pickler):
    """Writes text and bytes as the strings of Python 2."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def _string(self, value: Any) -> None:
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    def _stored(self, value: Stored) -> None:
        self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
        self.save(value.state)
        self.write(pickle.BUILD)

    dispatch[str] = dispatch[bytes] = _string
    dispatch[Stored] = _stored


def sheet() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V 3) in metres of a bent sheet with a slit for the mouth, and triangles (T 3)."""
    x, y = (a.ravel() for a in np.meshgrid(COLUMNS, ROWS))
    points = np.stack([x, y, 0.08 - 8 * x**2 - 2 * y**2], 1)
    index = np.arange(len(points)).reshape(len(ROWS), len(COLUMNS))
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1)
    quads = quads.reshape(-1, 4)
    at_mouth = int(np.abs(ROWS - SLIT_Y).argmin())
    slit = index[at_mouth][np.abs(COLUMNS) < SLIT_HALF]
    upper = len(points) + np.arange(len(slit))
    points = np.concatenate([points, points[slit]])
    points[slit, 1] -= 0.0005
    points[upper, 1] += 0.0005
    above = (quads // len(COLUMNS)).min(1) >= at_mouth
    for low, high in zip(slit, upper, strict=True):
        quads[above] = np.where(quads[above] == low, high, quads[above])
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """All arrays of the model, dense, in metres."""
    rng = np.random.default_rng(seed)
    points, triangles = sheet()
    count = len(points)
    at_mouth = ROWS[np.abs(ROWS - SLIT_Y).argmin()]
    inside = np.abs(points[:, 0]) < SLIT_HALF
    jaw = np.clip((at_mouth - points[:, 1] + 0.001) / 0.002, 0, 1) * inside
    side = np.clip((0.05 - np.abs(points[:, 0])) / (0.05 - SLIT_HALF), 0, 1)
    fade = np.clip((at_mouth + 0.015 - points[:, 1]) / 0.03, 0, 1) * side
    jaw = np.where(inside, jaw, fade)
    weights = np.zeros((count, 5))
    weights[:, 2] = jaw
    weights[:, 1] = 0.9 * (1 - jaw)
    weights[:, 0] = 0.1 * (1 - jaw)
    for joint, sign in ((3, 1), (4, -1)):
        eye = np.hypot(points[:, 0] - sign * 0.03, points[:, 1] - 0.03) < 0.008
        weights[eye] = np.eye(5)[joint]
    return {
        "v_template": points,
        "f": triangles.astype(np.uint32),
        "shapedirs": rng.normal(scale=2e-4, size=(count, 3, 400)),
        "posedirs": rng.normal(scale=2e-4, size=(count, 3, 36)),
        "J_regressor": regressor(points),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)], np.uint32),
        "weights": weights,
    }


def regressor(points: np.ndarray) -> np.ndarray:
    """Weights whose sums of vertices are the joints: those of least length that do it."""
    joints = np.array(
        [[0, -0.1, 0], [0, -0.06, 0.01], [0, 0, 0.01], [0.03, 0.03, 0.05], [-0.03, 0.03, 0.05]]
    )
    conditions = np.concatenate([points, np.ones((len(points), 1))], 1).T
    wanted = np.concatenate([joints, np.ones((5, 1))], 1).T
    return np.linalg.lstsq(conditions, wanted, rcond=None)[0].T


def write_pickle(path: Path, values: dict[str, Any]) -> Path:
    """Write a table as Python 2 and the numpy of its time would."""
    with open(path, "wb") as file:
        _Old(file, protocol=2).dump(values)
    path.write_bytes(path.read_bytes().replace(b"cnumpy._core.", b"cnumpy.core."))
    return path


def write_model(path: Path, seed: int = 0) -> Path:
    """Write the model with the chumpy and scipy objects of the published file."""
    values: dict[str, Any] = dict(arrays(seed))
    matrix = values["J_regressor"]
    rows, columns = np.nonzero(matrix.T)[::-1]
    values["J_regressor"] = Stored(
        "scipy.sparse.csc",
        "csc_matrix",
        {
            "_shape": matrix.shape,
            "data": matrix[rows, columns],
            "indices": rows.astype(np.int32),
            "indptr": np.searchsorted(columns, np.arange(matrix.shape[1] + 1)).astype(np.int32),
            "maxprint": 50,
        },
    )
    for name in ("v_template", "shapedirs", "posedirs", "weights"):
        dirty = {"_dirty_vars": set(), "_cache": {"drs": {}}}
        values[name] = Stored("chumpy.ch", "Ch", {"x": values[name], **dirty})
    return write_pickle(path, values | {"bs_style": "lbs", "bs_type": "lrotmin"})
