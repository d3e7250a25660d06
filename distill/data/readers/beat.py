"""BEAT (Liu et al., ECCV 2022): 30 speakers, 8 emotions, ARKit curves of an iPhone.

Ask for it at the project page of BEAT (github.com/PantoMatrix/BEAT); non-commercial research, the
authors' own terms. Layout, a folder per speaker:

    <speaker>/<speaker>_<name>_<kind>_<first>_<last>.json    {"names": [51], "frames": [...]}
    <speaker>/<speaker>_<name>_<kind>_<first>_<last>.wav

A frame has a `time` in seconds, 60 a second, and `weights` in the order of `names`: alphabetical,
without `tongueOut`, and so not the order of ARKit; columns are matched by name. `kind` 0, 2, 4 and
6 are speeches (English, Chinese, Spanish, Japanese), whose number says the emotion; 1, 3, 5 and 7
are conversations without one. The head is not in these files and stays still.

The split is our own: by the number of a recording, the same for every speaker, as all of them read
the same texts. Not verified here: that every release numbers its texts alike.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.readers.folder import (
    FolderCorpus,
    at_rate,
    fingerprint,
    frames_at_rate,
    frames_of_both,
    split_by_name,
    together,
    warn_left_out,
)
from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.types import Clip, Recording

RECORDED_FPS, SHAPES = 60.0, 51
NAME = "<speaker>_<name>_<kind>_<first>_<last>"
EMOTIONS = (
    ("neutral", 1, 64), ("happy", 65, 72), ("angry", 73, 80), ("sad", 81, 86),
    ("contempt", 87, 94), ("surprised", 95, 102), ("afraid", 103, 110), ("disgusted", 111, 118),
)  # fmt: skip
"""Emotion by the number of a speech, first and last."""
SHARES = (("train", 0.8), ("val", 0.1), ("test", 0.1))


def open_beat(
    root: str | Path,
    fps: float | int = 30.0,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FolderCorpus:
    """Open a folder of BEAT (`data.root`) at `fps`; sequences without sound are left out and named.

    Raises:
        UserError: There is no sequence with sound.
    """
    folder = Path(root)
    found = sorted(path for path in folder.rglob("*.json") if is_sequence(path.stem))
    files = [path for path in found if path.with_suffix(".wav").is_file()]
    if not files:
        raise UserError(
            f"data.root={root} holds {len(found)} files {NAME}.json and none with its .wav; point "
            "it to the folder of BEAT that has a folder per speaker"
        )
    alone = sorted(set(found) - set(files))
    warn_left_out(folder, [str(p.with_suffix(".wav").relative_to(folder)) for p in alone])
    clips = []
    for done, path in enumerate(files, 1):
        clips.append(_clip(path, folder, float(fps)))
        if progress:
            progress(done, len(files))
    return FolderCorpus(
        name="beat",
        rig="arkit",
        channels=ARKIT_CHANNELS,
        fps=float(fps),
        clips=clips,
        content_hash=fingerprint([p for f in files for p in (f, f.with_suffix(".wav"))]),
        opener=partial(_open, folder, float(fps)),
    )


def is_sequence(stem: str) -> bool:
    """Return whether a file's name is that of a sequence."""
    parts = stem.split("_")
    return len(parts) == 5 and all(part.isdigit() for part in parts[2:])


def _clip(path: Path, root: Path, fps: float) -> Clip:
    speaker, name, kind, first, last = path.stem.split("_")
    recorded = path.read_bytes().count(b'"weights"')  # parsing all of BEAT takes minutes
    frames = frames_at_rate(recorded, RECORDED_FPS, fps)
    frames = frames_of_both(frames, path.with_suffix(".wav"), fps)
    return Clip(
        id=path.stem,
        split=split_by_name(f"{kind}_{first}_{last}", SHARES),
        speaker=f"{speaker}_{name}",
        emotion=emotion_of(int(kind), int(first)),
        frames=frames,
        samples=sample_at(frames, fps),
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


def read_weights(path: Path) -> Float[np.ndarray, "F 55"]:
    """Return the curves of a file at 60 fps, matched by name, head and tongue still.

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
    if unknown:
        raise UserError(f"{path} names {unknown[0]!r}, which is no shape of ARKit; copy it again")
    if weights.ndim != 2 or weights.shape[1] != len(names):
        raise UserError(
            f"{path} has {len(names)} names and weights of shape {weights.shape}; BEAT has "
            f"{SHAPES} of both in every frame"
        )
    if len(times_s) > 1 and abs(np.median(np.diff(times_s)) * RECORDED_FPS - 1.0) > 0.02:
        raise UserError(
            f"{path} has {1 / np.median(np.diff(times_s)):.4g} frames per second, not "
            f"{RECORDED_FPS:g}; use the files as BEAT publishes them"
        )
    motion = np.zeros((len(weights), len(ARKIT_CHANNELS)), np.float32)
    motion[:, [ARKIT_CHANNELS.index(name) for name in names]] = weights
    return motion.clip(0.0, 1.0)
