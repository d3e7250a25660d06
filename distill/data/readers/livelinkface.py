"""Recordings of Live Link Face, an iPhone app: 52 ARKit curves, head rotation, and a sound file.

Your own recordings: nothing to ask for, no licence but yours. Layout, as the app leaves it:

    <take>/<name>.csv               61 values a frame at 30 or 60 per second, with time codes
    <take>/<name>.mov               or .wav, .m4a, ...: sound of the same name, or the only one
    <speaker>/<take>/...            the same in a folder for each of several speakers

`<name>_raw.csv`, `<name>_cal.csv` and `<name>_neutral.csv`, which the app writes too, are not
read. Frames are placed by their time codes, drop-frame codes (29.97, 59.94 per second) and frames
that the phone has left out included; the first frame is taken to begin with the sound. Head
rotation is three more channels; eye rotations follow from the look shapes and are left out.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.readers.folder import (
    SOUND,
    FolderCorpus,
    digest,
    frames_of_both,
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
KEPT_TAKES = 64
"""Takes that stay in memory: reading text and video again for every window would be slow."""


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
    clips = []
    for done, (take, sound) in enumerate(pairs, 1):
        clips.append(_clip(take, sound, folder, fps))
        if progress:
            progress(done, len(pairs))
    return FolderCorpus(
        name="livelinkface",
        rig="arkit",
        channels=ARKIT_CHANNELS,
        fps=fps,
        clips=clips,
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


def read_curves(path: Path, fps: float) -> Float[np.ndarray, "F 55"]:
    """Return the curves of a recording at `fps`, placed by its time codes."""
    motion, times_s = read_livelink_frames(path)
    count = int(np.floor(times_s[-1] * fps + 1e-6)) + 1
    return read_at(motion, np.interp(np.arange(count) / fps, times_s, np.arange(len(times_s))))


def _clip(path: Path, sound: Path, root: Path, fps: float) -> Clip:
    place = path.relative_to(root)
    name = str(place.with_suffix(""))
    frames = frames_of_both(len(read_curves(path, fps)), sound, fps)
    return Clip(
        id=name,
        split=split_by_name(name, SHARES),
        speaker=place.parts[0] if len(place.parts) > 2 else "",
        frames=frames,
        samples=sample_at(frames, fps),
        extra={"file": str(place)},
    )


def _open(root: Path, fps: float, clip: Clip) -> Recording:
    return _read(root / clip.extra["file"], fps)


@lru_cache(maxsize=KEPT_TAKES)
def _read(path: Path, fps: float) -> Recording:
    sound = sound_of(path)
    if sound is None:
        raise UserError(f"{path} has lost its sound file; restore it or open the corpus again")
    return together(load_audio(sound), read_curves(path, fps), fps)
