"""What every reader shares: a corpus of files, frame rates, sound beside motion, splits by name."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.audio.containers import header_seconds
from distill.audio.decode import load_audio
from distill.audio.frames import exact_fps, sample_at
from distill.errors import UserError, UserNote
from distill.types import Clip, Recording
from distill.units import SAMPLE_RATE_HZ

SOUND = (".wav", ".flac", ".m4a", ".mp3", ".aac", ".ogg", ".opus", ".mov", ".mp4")
"""Endings of files that hold sound, those without loss first."""
ENDS_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class FolderCorpus:
    """Clips that lie in files; `opener` reads one and must be picklable (a function of a module).

    Attributes:
        name: Which corpus this is.
        rig: Name of the rig its motion drives.
        channels: Channel names of its motion.
        fps: Motion frames per second.
        clips: All clips.
        content_hash: Hash of the files.
        opener: Opens a clip.
    """

    name: str
    rig: str
    channels: tuple[str, ...]
    fps: float
    clips: Sequence[Clip]
    content_hash: str
    opener: Callable[[Clip], Recording]

    def read(self, clip: Clip) -> Recording:
        """Open a clip."""
        return self.opener(clip)


def checked_folder(root: str | Path, parts: Sequence[str], corpus: str, source: str) -> Path:
    """Return `root` as a path, or say which part of the layout it lacks and where to get it."""
    root = Path(root)
    missing = [part for part in parts if not (root / part).exists()]
    if missing:
        raise UserError(
            f"data.root={root} lacks {', '.join(missing)} of the {corpus} layout; {source}"
        )
    return root


def digest(paths: Iterable[Path]) -> str:
    """Hash the content of files, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def sound_beside(motion: Path, stem: str | None = None) -> Path | None:
    """Return the sound file of the same name as a motion file, or None."""
    stem = stem or motion.stem
    found = [motion.with_name(stem + ending) for ending in SOUND]
    found += [path.with_suffix(path.suffix.upper()) for path in found]
    return next((path for path in found if path.is_file()), None)


def at_rate(motion: Float[np.ndarray, "F D"], was: float, now: float) -> Float[np.ndarray, "T D"]:
    """Return motion at another frame rate: frame k of the result is at k / `now` seconds.

    Whole ratios keep every n-th frame as it is; others are read between frames, linearly.
    """
    ratio = exact_fps(was) / exact_fps(now)
    if ratio.denominator == 1:
        return motion[:: ratio.numerator]
    frames = int((len(motion) - 1) / ratio) + 1
    return read_at(motion, np.arange(frames) * float(ratio))


def read_at(
    motion: Float[np.ndarray, "F D"], places: Float[np.ndarray, " T"]
) -> Float[np.ndarray, "T D"]:
    """Read motion between its frames, linearly; `places` count frames."""
    low = np.clip(np.floor(places).astype(int), 0, max(len(motion) - 2, 0))
    high = np.minimum(low + 1, len(motion) - 1)
    share = np.clip(places - low, 0.0, 1.0)[:, None].astype(motion.dtype)
    return motion[low] + share * (motion[high] - motion[low])


def together(
    audio: Float[np.ndarray, " S"], motion: Float[np.ndarray, "F D"], fps: float
) -> Recording:
    """Return the stretch that both audio and motion cover."""
    frames = min(len(motion), int(len(audio) * exact_fps(fps) // SAMPLE_RATE_HZ))
    return Recording(
        audio=audio[: sample_at(frames, fps)],
        motion=np.ascontiguousarray(motion[:frames], np.float32),
    )


def heard_samples(sound: Path) -> int:
    """Return how many samples at 16 kHz a sound file has, from its header where that says it.

    Raises:
        UserError: It is no sound file.
    """
    seconds = header_seconds(sound)
    return len(load_audio(sound)) if seconds is None else round(seconds * SAMPLE_RATE_HZ)


def frames_of_both(frames: int, sound: Path, fps: float) -> int:
    """Return how many of the motion's frames a sound file covers, without decoding it."""
    return min(frames, int(heard_samples(sound) * exact_fps(fps) // SAMPLE_RATE_HZ))


def frames_at_rate(frames: int, was: float, now: float) -> int:
    """Return how many frames `at_rate` makes of `frames`."""
    return len(at_rate(np.empty((frames, 0), np.float32), was, now))


def warn_left_out(folder: Path, missing: Sequence[str]) -> None:
    """Name files that are missing beside their partners, which are left out for it."""
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        warnings.warn(
            f"{folder} lacks {len(missing)} files that have a partner ({shown}); their sequences "
            "are left out",
            category=UserNote,
            stacklevel=4,
        )


def fingerprint(paths: Iterable[Path]) -> str:
    """Hash name, size, beginning and end of files: for corpora that take minutes to read whole."""
    total = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(ENDS_BYTES)
            file.seek(max(size - ENDS_BYTES, 0))
            total.update(f"{path.name} {size} ".encode() + head + file.read(ENDS_BYTES))
    return total.hexdigest()[:16]


def require_pairs(
    motions: Iterable[Path], sounds: Callable[[Path], Path | None]
) -> list[tuple[Path, Path]]:
    """Return motion files with their sound; files without one are left out."""
    return [(path, sound) for path in motions if (sound := sounds(path)) is not None]


def split_by_name(name: str, shares: Sequence[tuple[str, float]]) -> str:
    """Deal a name to a split, always the same one; shares add up to 1."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") / 2**64
    for split, share in shares:
        place -= share
        if place < 0:
            return split
    return shares[-1][0]
