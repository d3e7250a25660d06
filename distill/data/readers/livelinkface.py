"""Recordings of Live Link Face, an iPhone app: 52 ARKit curves, head rotation, and a sound file.

Your own recordings: nothing to ask for. Layout, as the app leaves it, in any depth of folders:

    <speaker>/<take>/<name>.csv       61 values a frame at 30 or 60 per second, with time codes
    <speaker>/<take>/<name>.mov       or .wav, .m4a, ...: sound of the same name, or the only one

`<name>_raw.csv`, `<name>_cal.csv` and `<name>_neutral.csv`, which the app writes too, are not
read. Frames are placed by their time codes, drop-frame codes (29.97, 59.94 per second) and frames
that the phone has left out included; the first frame is taken to begin with the sound.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from distill.audio.decode import load_audio
from distill.data.readers.folder import (
    SOUND,
    FolderCorpus,
    digest,
    read_at,
    require_pairs,
    sound_beside,
    split_by_name,
    together,
)
from distill.errors import UserError
from distill.face.livelink import read_livelink_frames
from distill.face.names import ARKIT_CHANNELS
from distill.types import Clip, Recording

BESIDE = ("_raw", "_cal", "_neutral")
SHARES = (("train", 0.8), ("val", 0.1), ("test", 0.1))


def open_livelinkface(
    root: str,
    fps: float = 30.0,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FolderCorpus:
    """Open a folder of takes (`data.root`) at `fps`; takes without sound are left out.

    Raises:
        UserError: There is no take with sound, or a recording that cannot be read.
    """
    folder = Path(root)
    takes = [p for p in sorted(folder.rglob("*.csv")) if not p.stem.endswith(BESIDE)]
    takes = [p for p in takes if is_recording(p)]
    pairs = require_pairs(takes, sound_of)
    if not pairs:
        raise UserError(
            f"data.root={root} holds {len(takes)} Live Link Face recordings and none with a sound "
            f"file beside it ({', '.join(SOUND[:4])}, ...); export takes with their video"
        )
    return FolderCorpus(
        name="livelinkface",
        rig="arkit",
        channels=ARKIT_CHANNELS,
        fps=fps,
        clips=[_clip(path, folder, fps) for path, _ in pairs],
        content_hash=digest(path for pair in pairs for path in pair),
        opener=partial(_open, folder, fps),
    )


def is_recording(path: Path) -> bool:
    """Return whether a CSV starts like a recording of the app."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return file.readline().lower().startswith("timecode,blendshapecount")


def sound_of(path: Path) -> Path | None:
    """Return the sound of the same name, or the only sound file of the folder."""
    named = sound_beside(path)
    others = [p for p in sorted(path.parent.iterdir()) if p.suffix.lower() in SOUND]
    return named or (others[0] if len(others) == 1 else None)


def read_curves(path: Path, fps: float) -> np.ndarray:
    """Return the curves of a recording (F 55) at `fps`, placed by its time codes."""
    motion, times_s = read_livelink_frames(path)
    count = int(np.floor((times_s[-1] - times_s[0]) * fps + 1e-6)) + 1
    wanted_s = times_s[0] + np.arange(count) / fps
    return read_at(motion, np.interp(wanted_s, times_s, np.arange(len(times_s))))


def _clip(path: Path, root: Path, fps: float) -> Clip:
    name = str(path.relative_to(root).with_suffix(""))
    frames = len(read_curves(path, fps))
    parts = path.relative_to(root).parts
    return Clip(
        id=name,
        split=split_by_name(name, SHARES),
        speaker=parts[0] if len(parts) > 1 else "",
        frames=frames,
        samples=int(frames * 16_000 / fps),
        extra={"file": str(path.relative_to(root))},
    )


def _open(root: Path, fps: float, clip: Clip) -> Recording:
    path = root / clip.extra["file"]
    sound = sound_of(path)
    if sound is None:
        raise UserError(f"{path} has lost its sound file; restore it or open the corpus again")
    return together(load_audio(sound), read_curves(path, fps), fps)
