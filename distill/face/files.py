"""Motion files: Live Link Face csv, npz, mp4 and gif, chosen by suffix."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.face.livelink import read_livelink_csv, write_livelink_csv
from distill.face.names import ARKIT_CHANNELS, LANDMARK_CHANNELS
from distill.storage import atomic_path

if TYPE_CHECKING:
    import distill.face.space

__all__ = ["MotionFile", "read_livelink_csv", "read_npz", "write_curves", "write_motion"]

CURVES = (".csv", ".npz")
SUFFIXES = (*CURVES, ".mp4", ".gif")
UNITS = {
    ARKIT_CHANNELS: "ARKit weights 0..1, head rotation in radians",
    LANDMARK_CHANNELS: "pixels from the contour at rest, x to the right, y up",
}
"""What values are, by channel names; those of other rigs are their own."""

MotionFile = dict[str, object]
"""Contents of a motion npz: motion (F D) float32, names, fps, units, rig."""


def check_suffix(path: str | Path) -> str:
    """Return the lower-case suffix of `path`.

    Raises:
        UserError: It is none of `SUFFIXES`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"cannot write motion as {str(path)!r}; use one of {', '.join(SUFFIXES)}")
    return suffix


def write_motion(
    path: str | Path,
    motion: Float[np.ndarray, "F D"],
    space: "distill.face.space.MotionSpace",
    *,
    audio: Float[np.ndarray, " S"] | None = None,
    title: str | None = None,
    size: int = 512,
) -> None:
    """Write raw motion atomically, in the format its suffix names.

    csv is a Live Link Face recording, npz has names, fps and units, mp4 is the rendered face with
    `audio` (16 kHz mono), gif the rendered face alone. `title` goes into the mp4's metadata;
    pictures are `size` pixels wide and high.

    Raises:
        UserError: Unknown suffix, empty or non-finite motion, wrong channels, unwritable folder.
    """
    suffix = check_suffix(path)
    if suffix in CURVES:
        write_curves(path, motion, space.channels, fps=space.fps, rig=space.rig.name)
        return
    from distill.face.video import write_gif, write_mp4

    values = _checked(path, motion, space.channels)
    with atomic_path(Path(path)) as temporary:
        if suffix == ".mp4":
            write_mp4(temporary, values, space, audio=audio, title=title, size=(size, size))
        else:
            write_gif(temporary, values, space, size=(size, size))


def write_curves(
    path: str | Path,
    motion: Float[np.ndarray, "F D"],
    channels: Sequence[str],
    *,
    fps: float,
    rig: str,
) -> None:
    """Write raw motion as csv or npz, atomically; needs neither the rig's geometry nor torch.

    Raises:
        UserError: Empty or non-finite motion, wrong channels, unwritable folder.
    """
    values = _checked(path, motion, channels)
    if Path(path).suffix.lower() == ".csv":
        if tuple(channels) != ARKIT_CHANNELS:
            raise UserError(f"rig {rig!r} has no ARKit channels; write {path} as .npz")
        write_livelink_csv(path, values, fps)
        return
    units = UNITS.get(tuple(channels), f"channels of rig {rig}")
    with atomic_path(Path(path)) as temporary:
        np.savez_compressed(
            temporary, motion=values, names=np.array(channels), fps=np.float64(fps),
            units=np.array(units), rig=np.array(rig),
        )  # fmt: skip


def _checked(path: str | Path, motion: np.ndarray, channels: Sequence[str]) -> np.ndarray:
    values = np.asarray(motion, np.float32)
    if len(values) == 0 or values.shape[1] != len(channels) or not np.isfinite(values).all():
        raise UserError(
            f"cannot write motion of shape {values.shape} to {path}; it must have at least one "
            f"frame, {len(channels)} channels and finite values only"
        )
    return values


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
