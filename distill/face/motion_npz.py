"""Motion as npz: values, names, frames per second, units; FLAME's also as trackers write it."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.face.names import ARKIT_CHANNELS, HEAD, LANDMARK_CHANNELS
from distill.storage import atomic_path

UNITS = {
    ARKIT_CHANNELS: "ARKit weights 0..1, head rotation in radians",
    LANDMARK_CHANNELS: "pixels from the contour at rest, x to the right, y up",
}
"""What values are, by channel names; those of other rigs are their own."""
FLAME_JAW = ("jawX", "jawY", "jawZ")

MotionFile = dict[str, object]
"""Contents of a motion npz: motion (F D) float32, names, fps, units, rig."""


def write_npz(
    path: str | Path,
    motion: Float[np.ndarray, "F D"],
    channels: Sequence[str],
    *,
    fps: float,
    rig: str,
) -> None:
    """Write raw motion atomically; needs no torch."""
    units = UNITS.get(tuple(channels), f"channels of rig {rig}")
    arrays: dict[str, Any] = {
        "motion": motion, "names": np.array(channels), "fps": np.float64(fps),
        "units": np.array(units), "rig": np.array(rig), **flame_arrays(motion, channels),
    }  # fmt: skip
    with atomic_path(Path(path)) as temporary:
        np.savez_compressed(temporary, **arrays)


def flame_arrays(
    motion: Float[np.ndarray, "F D"], channels: Sequence[str]
) -> Mapping[str, np.ndarray]:
    """Return motion of the `flame` rig as `exp` (F E) and `pose` (F 6); of other rigs nothing.

    `pose` is the axis-angle of the head, with the signs of `head_rotation`, and of the jaw.

    Raises:
        UserError: scipy is not installed.
    """
    if tuple(channels[-6:]) != (*FLAME_JAW, *HEAD):
        return {}
    try:
        from scipy.spatial.transform import Rotation
    except ModuleNotFoundError as error:
        raise UserError("FLAME's poses need scipy; run `python -m pip install scipy`") from error

    head = Rotation.from_euler("YXZ", motion[:, -3:] * (-1.0, 1.0, 1.0)).as_rotvec()
    pose = np.concatenate([head, motion[:, -6:-3]], 1)
    return {"exp": motion[:, :-6], "pose": pose.astype(np.float32)}


def read_npz(path: str | Path) -> MotionFile:
    """Read a motion npz; never executes what is in it.

    Returns:
        `motion` (F D) float32, `names` (tuple of str), `fps` (float), `units` and `rig` (str).

    Raises:
        UserError: Missing, corrupt or foreign file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return {
                "motion": np.asarray(data["motion"], np.float32),
                "names": tuple(str(n) for n in data["names"]),
                "fps": float(data["fps"]),
                "units": str(data["units"]),
                "rig": str(data["rig"]),
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"cannot read {path} as a motion npz ({error})") from error
