"""Motion files of every format, chosen by suffix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from distill.errors import UserError
from distill.face.livelink import read_livelink_csv, write_livelink_csv
from distill.face.motion_npz import MotionFile, read_npz, write_npz
from distill.face.names import ARKIT_CHANNELS
from distill.storage import atomic_path
from distill.units import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    import distill.face.animation
    import distill.face.space

__all__ = [
    "CURVES", "SUFFIXES", "MotionFile", "read_livelink_csv", "read_npz", "write_curves",
    "write_motion",
]  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Take:
    """Motion on its way into a file; `space` is there for formats that show the face.

    Attributes:
        values: Raw motion.
        channels: Names of its channels.
        fps: Frames per second.
        rig: Name of the rig it drives.
        space: That rig at that rate.
        audio: What is heard, mono at 16 kHz.
        title: Goes into the metadata of a video.
        size: Pixels of a picture's width and height.
    """

    values: Float[np.ndarray, "F D"]
    channels: tuple[str, ...]
    fps: float
    rig: str
    space: "distill.face.space.MotionSpace | None" = None
    audio: Float[np.ndarray, " S"] | None = None
    title: str | None = None
    size: int = 512

    @property
    def face(self) -> "distill.face.space.MotionSpace":
        """The space, in formats that need it."""
        assert self.space is not None
        return self.space

    @property
    def seconds(self) -> float:
        """How long the sound is, or the motion where the sound does not end in its last frame."""
        last_s, heard_s = (len(self.values) - 1) / self.fps, 0.0
        if self.audio is not None:
            heard_s = len(self.audio) / SAMPLE_RATE_HZ
        return heard_s if last_s < heard_s else last_s + 1 / self.fps


def _csv(path: Path, take: Take) -> None:
    if take.channels != ARKIT_CHANNELS:
        raise UserError(f"rig {take.rig!r} has no ARKit channels; write {path} as .npz")
    write_livelink_csv(path, take.values, take.fps)


def _npz(path: Path, take: Take) -> None:
    write_npz(path, take.values, take.channels, fps=take.fps, rig=take.rig)


def _mp4(path: Path, take: Take) -> None:
    from distill.face.video import write_mp4

    size = (take.size, take.size)
    with atomic_path(path) as temporary:
        write_mp4(temporary, take.values, take.face, audio=take.audio, title=take.title, size=size)


def _gif(path: Path, take: Take) -> None:
    from distill.face.video import write_gif

    with atomic_path(path) as temporary:
        write_gif(temporary, take.values, take.face, size=(take.size, take.size))


def _glb(path: Path, take: Take) -> None:
    from distill.face.glb_animation import write_animated_glb

    write_animated_glb(path, _animation(take), take.seconds)


def _usd(path: Path, take: Take) -> None:
    from distill.face.usd import write_usd

    write_usd(path, _animation(take))


def _sequence(path: Path, take: Take) -> None:
    from distill.face.sequence import write_sequence

    write_sequence(path.with_suffix(""), take.values, take.face, suffix=path.suffix.lower())


def _animation(take: Take) -> "distill.face.animation.Animation":
    import torch

    from distill.face.animation import animation_of

    return animation_of(take.face.rig, torch.from_numpy(take.values), take.fps)


WRITERS: Mapping[str, Callable[[Path, Take], None]] = MappingProxyType(
    {
        ".csv": _csv, ".npz": _npz, ".mp4": _mp4, ".gif": _gif, ".glb": _glb, ".usd": _usd,
        ".usda": _usd, ".usdc": _usd, ".obj": _sequence, ".ply": _sequence,
    }
)  # fmt: skip
"""How each suffix is written, all or nothing."""
SUFFIXES = tuple(WRITERS)
CURVES = (".csv", ".npz")
"""Formats that need neither the rig's geometry nor torch."""
SEQUENCES = (".obj", ".ply")
"""Formats with a file for each frame, in a folder named without the suffix."""


def check_suffix(path: str | Path, allowed: Sequence[str] = SUFFIXES) -> str:
    """Return the lower-case suffix of `path`.

    Raises:
        UserError: It is none of those allowed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in allowed:
        raise UserError(f"cannot write motion as {str(path)!r}; use one of {', '.join(allowed)}")
    return suffix


def write_motion(
    path: str | Path,
    motion: Float[np.ndarray, "F D"],
    space: "distill.face.space.MotionSpace",
    *,
    audio: Float[np.ndarray, " S"] | None = None,
    title: str | None = None,
    size: int = 512,
) -> Path:
    """Write raw motion atomically, in the format its suffix names; returns where it lies.

    csv is a Live Link Face recording; npz has names, fps and units, of the `flame` rig also `exp`
    and `pose` as trackers write them; mp4 is the rendered face with `audio` (16 kHz mono), gif the
    rendered face alone; glb and usd, usda, usdc have blend shapes and joints, as long as the sound;
    obj and ply are folders of a file for each frame, named without the suffix. `title` goes into
    the mp4's metadata; pictures are `size` pixels wide and high.

    Raises:
        UserError: Unknown suffix, empty or non-finite motion, wrong channels, unwritable folder, or
            an extra that is not installed.
    """
    check_suffix(path)
    return _write(
        Path(path),
        Take(
            values=_checked(path, motion, space.channels), channels=space.channels, fps=space.fps,
            rig=space.rig.name, space=space, audio=audio, title=title, size=size,
        ),
    )  # fmt: skip


def write_curves(
    path: str | Path,
    motion: Float[np.ndarray, "F D"],
    channels: Sequence[str],
    *,
    fps: float,
    rig: str,
) -> Path:
    """Write raw motion as csv or npz, atomically; needs neither the rig's geometry nor torch.

    Raises:
        UserError: Another suffix, empty or non-finite motion, wrong channels, unwritable folder.
    """
    check_suffix(path, CURVES)
    values = _checked(path, motion, channels)
    return _write(Path(path), Take(values=values, channels=tuple(channels), fps=fps, rig=rig))


def _write(path: Path, take: Take) -> Path:
    suffix = path.suffix.lower()
    WRITERS[suffix](path, take)
    return path.with_suffix("") if suffix in SEQUENCES else path


def _checked(path: str | Path, motion: np.ndarray, channels: Sequence[str]) -> np.ndarray:
    values = np.asarray(motion, np.float32)
    if len(values) == 0 or values.shape[1] != len(channels) or not np.isfinite(values).all():
        raise UserError(
            f"cannot write motion of shape {values.shape} to {path}; it must have at least one "
            f"frame, {len(channels)} channels and finite values only"
        )
    return values
