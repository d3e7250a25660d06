"""BEAT (Liu et al., ECCV 2022): 30 speakers, 8 emotions, ARKit curves of an iPhone.

Ask for it at the project page of BEAT (PantoMatrix); non-commercial use, the authors' own terms.
Layout of the English part, a folder per speaker:

    <speaker>/<speaker>_<name>_<kind>_<first>_<last>.json    {"names": [51], "frames": [...]}
    <speaker>/<speaker>_<name>_<kind>_<first>_<last>.wav

Frames are at 60 per second and have `weights` in the order of `names`: alphabetical, without
`tongueOut`, and so not the order of ARKit; columns are matched by name. `kind` 0, 2, 4 and 6 are
speeches, whose number says the emotion; 1, 3, 5 and 7 are conversations without one.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from distill.audio.decode import load_audio
from distill.data.readers.folder import (
    FolderCorpus,
    at_rate,
    checked_folder,
    digest,
    split_by_name,
    together,
)
from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.types import Clip, Recording

RECORDED_FPS, SHAPES = 60.0, 51
EMOTIONS = (
    ("neutral", 1, 64), ("happy", 65, 72), ("angry", 73, 80), ("sad", 81, 86),
    ("contempt", 87, 94), ("surprised", 95, 102), ("afraid", 103, 110), ("disgusted", 111, 118),
)  # fmt: skip
"""Emotion by the number of a speech, first and last."""
SHARES = (("train", 0.85), ("val", 0.075), ("test", 0.075))


def open_beat(
    root: str,
    fps: float = 30.0,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FolderCorpus:
    """Open a folder of BEAT (`data.root`) at `fps`; sequences without their sound are left out.

    Raises:
        UserError: There is no sequence, or one that is not of this layout.
    """
    folder = checked_folder(root, (), "BEAT", "")
    files = sorted(path for path in folder.glob("*/*.json") if len(path.stem.split("_")) == 5)
    pairs = [(path, path.with_suffix(".wav")) for path in files]
    pairs = [(motion, sound) for motion, sound in pairs if sound.is_file()]
    if not pairs:
        raise UserError(
            f"data.root={root} holds no <speaker>/<speaker>_<name>_<kind>_<first>_<last>.json with "
            "its .wav; point it to the folder of BEAT that has a folder per speaker"
        )
    return FolderCorpus(
        name="beat",
        rig="arkit",
        channels=ARKIT_CHANNELS,
        fps=fps,
        clips=[_clip(path, folder, fps) for path, _ in pairs],
        content_hash=digest(path for pair in pairs for path in pair),
        opener=partial(_open, folder, fps),
    )


def _clip(path: Path, root: Path, fps: float) -> Clip:
    speaker, name, kind, first, _ = path.stem.split("_")
    frames = len(at_rate(read_weights(path), RECORDED_FPS, fps))
    return Clip(
        id=path.stem,
        split=split_by_name(path.stem, SHARES),
        speaker=f"{speaker}_{name}",
        emotion=emotion_of(int(kind), int(first)),
        frames=frames,
        samples=int(frames * 16_000 / fps),
        extra={"file": str(path.relative_to(root))},
    )


def emotion_of(kind: int, number: int) -> str:
    """Return the emotion of a speech by its number; conversations count as neutral."""
    if kind % 2:
        return "neutral"
    return next((name for name, low, high in EMOTIONS if low <= number <= high), "neutral")


def _open(root: Path, fps: float, clip: Clip) -> Recording:
    path = root / clip.extra["file"]
    return together(
        load_audio(path.with_suffix(".wav")), at_rate(read_weights(path), RECORDED_FPS, fps), fps
    )


def read_weights(path: Path) -> np.ndarray:
    """Return the curves of a file (F 55) at 60 fps, matched by name, head and tongue still.

    Raises:
        UserError: It is no such file, has other shapes, or its frames are not 60 a second.
    """
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        names, frames = list(value["names"]), value["frames"]
        weights = np.array([frame["weights"] for frame in frames], np.float32)
        times_s = np.array([frame["time"] for frame in frames], np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no facial file of BEAT ({error!r}); copy it again") from error
    unknown = sorted(set(names) - set(ARKIT_52))
    if unknown or weights.ndim != 2 or weights.shape[1] != len(names):
        raise UserError(
            f"{path} has {len(names)} names, {unknown[0] if unknown else 'all'} unknown to ARKit, "
            f"and weights of shape {weights.shape}; BEAT has {SHAPES} of both"
        )
    if len(times_s) > 1 and abs(np.median(np.diff(times_s)) * RECORDED_FPS - 1.0) > 0.02:
        raise UserError(
            f"{path} has {1 / np.median(np.diff(times_s)):.4g} frames per second, not "
            f"{RECORDED_FPS:g}; use the files as BEAT publishes them"
        )
    motion = np.zeros((len(weights), len(ARKIT_CHANNELS)), np.float32)
    motion[:, [ARKIT_CHANNELS.index(name) for name in names]] = weights
    return motion.clip(0.0, 1.0)
