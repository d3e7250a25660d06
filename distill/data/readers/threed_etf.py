"""3D-ETF (Peng et al., EmoTalk, ICCV 2023): HDTF and RAVDESS with 52 ARKit curves at 30 fps.

Ask its authors for it (github.com/psyai-net/EmoTalk_release, non-commercial research); HDTF is
CC BY 4.0, RAVDESS CC BY-NC-SA 4.0, its sound at zenodo.org/records/1188976. Read in any depth of
folders, as the names tell what is what:

    <name>.npy    (T, 52) weights in the alphabetical order of the shapes' names
    <name>.wav    sound of the same name, beside it or in another folder

`<name>` of RAVDESS is seven numbers, such as 03-01-05-01-02-01-12: the third is the emotion, the
last the actor; the first (film or sound) may differ between curves and sound. Other names are of
HDTF: `RD_Radio1_000`, a recording and the number of its piece.

The split is our own: of RAVDESS by actor, as all of them say the same two sentences (the last two
actors are `test_unseen`), of HDTF by recording. Not verified here: the folders of the published
archive, and its order of the 52 values (`data.order` is `alphabetical`, as in the authors' own
script for rendering, or `arkit`).
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

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
from distill.data.readers.vertex_files import mapped
from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.types import Clip, Recording

RECORDED_FPS = 30.0
ORDERS = {"alphabetical": tuple(sorted(ARKIT_52)), "arkit": ARKIT_52}
EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "afraid", "disgusted", "surprised")
"""Emotions of RAVDESS, numbered from 1."""
RAVDESS = re.compile(r"\d\d-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
VAL_ACTORS, UNSEEN_ACTORS = (21, 22), (23, 24)
SHARES = (("train", 0.8), ("val", 0.1), ("test", 0.1))
LARGEST_WEIGHT = 1.5
"""Trackers overshoot 1 a little; far beyond it the values are percents or no weights at all."""


def open_threed_etf(
    root: str | Path,
    fps: float | int = 30.0,
    order: str = "alphabetical",
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FolderCorpus:
    """Open a folder of 3D-ETF (`data.root`) at `fps`; curves without sound are left out and named.

    Raises:
        UserError: There are no curves with sound, arrays of other widths, or an unknown order.
    """
    if order not in ORDERS:
        raise UserError(f"data.order={order} is unknown; choose from {', '.join(ORDERS)}")
    folder = Path(root)
    curves = sorted(folder.rglob("*.npy"))
    sounds = {sound_key(path.stem): path for path in sorted(folder.rglob("*.wav"))}
    pairs = [(p, sounds[sound_key(p.stem)]) for p in curves if sound_key(p.stem) in sounds]
    if not pairs:
        raise UserError(
            f"data.root={root} holds {len(curves)} .npy files and none with a .wav of its name; "
            "point it to a folder of 3D-ETF with curves and sound"
        )
    heard = {path for path, _ in pairs}
    warn_left_out(folder, [f"{path.stem}.wav" for path in curves if path not in heard])
    clips = [_clip(*pair, folder, float(fps)) for pair in pairs]
    return FolderCorpus(
        name="threed_etf",
        rig="arkit",
        channels=ARKIT_CHANNELS,
        fps=float(fps),
        clips=clips,
        content_hash=fingerprint([path for pair in pairs for path in pair]),
        opener=partial(_open, folder, float(fps), ORDERS[order]),
    )


def sound_key(stem: str) -> str:
    """Return what a file of curves and its sound share of their names."""
    return stem[3:] if RAVDESS.fullmatch(stem) else stem


def describe(stem: str) -> tuple[str, str, str]:
    """Return split, speaker and emotion that a name tells; HDTF names no emotion."""
    if found := RAVDESS.fullmatch(stem):
        emotion, actor = int(found[2]), int(found[6])
        split = "val" if actor in VAL_ACTORS else "train"
        split = "test_unseen" if actor in UNSEEN_ACTORS else split
        known = 1 <= emotion <= len(EMOTIONS)
        return split, f"actor{actor:02d}", EMOTIONS[emotion - 1] if known else ""
    recording = re.sub(r"(_\d+)+$", "", stem)
    return split_by_name(recording, SHARES), recording, ""


def _clip(path: Path, sound: Path, root: Path, fps: float) -> Clip:
    values = mapped(path)
    if values.shape[1] != len(ARKIT_52):
        raise UserError(
            f"{path} has {values.shape[1]} values a frame, not {len(ARKIT_52)}; 3D-ETF has the "
            "52 shapes of ARKit"
        )
    frames = frames_at_rate(len(values), RECORDED_FPS, fps)
    frames = frames_of_both(frames, sound, fps)
    split, speaker, emotion = describe(path.stem)
    return Clip(
        id=str(path.relative_to(root).with_suffix("")),
        split=split,
        speaker=speaker,
        emotion=emotion,
        frames=frames,
        samples=sample_at(frames, fps),
        extra={"file": str(path.relative_to(root)), "sound": str(sound.relative_to(root))},
    )


def _open(root: Path, fps: float, order: tuple[str, ...], clip: Clip) -> Recording:
    motion = at_rate(read_curves(root / clip.extra["file"], order), RECORDED_FPS, fps)
    return together(load_audio(root / clip.extra["sound"]), motion, fps)


def read_curves(path: Path, order: tuple[str, ...]) -> Float[np.ndarray, "F 55"]:
    """Return the curves of a file, whose columns are in `order`, with a still head.

    Raises:
        UserError: The values are no weights from 0 to 1.
    """
    values = np.asarray(mapped(path), np.float32)
    largest = float(np.abs(values).max(initial=0.0))
    if not largest <= LARGEST_WEIGHT:
        raise UserError(
            f"{path} holds values up to {largest:.4g} and weights are 0 to 1; export it again"
        )
    motion = np.zeros((len(values), len(ARKIT_CHANNELS)), np.float32)
    motion[:, [ARKIT_CHANNELS.index(name) for name in order]] = values
    return motion.clip(0.0, 1.0)
