"""FLAME tracks, one npz a clip: what trackers of the head model leave beside a video's sound.

The layout is that of the tracks of DiffPoseTalk before they are packed (`scripts_for_dataset` of
the public repository DiffPoseTalk/DiffPoseTalk); the videos of HDTF and TFHP are asked for there:

    FLAME_coeffs/<person>/<clip>.npz    `exp` (T, 50), `pose` (T, 6), `shape` (T, 100)
    audio/<person>/<clip>.flac          or .wav, .mp3, ...

A folder of such npz files with their sound beside them is read too. `pose` is the axis-angle of
the head, then of the jaw; motion is at 25 frames per second. Trackers that derive from DECA write
`expcode` and `posecode`, and up to 100 expressions: those names are read as well, from their code
alone, since no such track is public. `shape` is not read: `rig.shape` gives one face to all.
A head that looks into the camera is taken to have no rotation.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from distill.audio.decode import load_audio
from distill.data.readers.folder import (
    FolderCorpus,
    digest,
    heard_samples,
    require_pairs,
    sound_beside,
    split_by_name,
    together,
)
from distill.errors import UserError
from distill.face.flame import JAW, flame_channels
from distill.face.names import HEAD
from distill.face.rotations import axis_angle_to_matrix, head_angles
from distill.types import Clip, Recording
from distill.units import SAMPLE_RATE_HZ

FPS = 25.0
FRAME_SAMPLES = round(SAMPLE_RATE_HZ / FPS)
MOST_EXPRESSIONS = 100
NAMES = {"expression": ("exp", "expression", "expcode"), "pose": ("pose", "posecode")}
SHARES = (("train", 0.8), ("val", 0.1), ("test", 0.1))


def open_flame(
    root: str, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> FolderCorpus:
    """Open a folder of tracks (`data.root`); those without sound are left out, people are split.

    Raises:
        UserError: There is no track with sound, or one that is not of this layout.
    """
    folder = Path(root)
    tracks = folder / "FLAME_coeffs" if (folder / "FLAME_coeffs").is_dir() else folder
    pairs = require_pairs(sorted(tracks.rglob("*.npz")), partial(_sound, folder, tracks))
    if not pairs:
        raise UserError(
            f"data.root={root} holds no <person>/<clip>.npz with its sound beside it or in audio/; "
            "point it to the folder that has FLAME_coeffs and audio"
        )
    names = [path.relative_to(tracks).with_suffix("") for path, _ in pairs]
    clips = [
        flame_clip(
            str(name),
            split=split_by_name(str(name.parent), SHARES),
            speaker=str(name.parent),
            frames=min(len(read_track(path)), heard_samples(sound) // FRAME_SAMPLES),
            files=[path, sound],
        )
        for name, (path, sound) in zip(names, pairs, strict=True)
    ]
    return flame_corpus("flame", clips, len(read_track(pairs[0][0])[0]), open_pair)


def flame_corpus(
    name: str, clips: Sequence[Clip], width: int, opener: Callable[[Clip], Recording]
) -> FolderCorpus:
    """Return a corpus of clips of files whose motion has `width` channels."""
    return FolderCorpus(
        name=name,
        rig="flame",
        channels=flame_channels(width - len(JAW) - len(HEAD)),
        fps=FPS,
        clips=clips,
        content_hash=digest(Path(file) for clip in clips for file in clip.extra["files"]),
        opener=opener,
    )


def flame_clip(name: str, *, split: str, speaker: str, frames: int, files: Iterable[Path]) -> Clip:
    """Describe a clip whose track and sound are `files`."""
    return Clip(
        id=name,
        split=split,
        speaker=speaker,
        frames=frames,
        samples=frames * FRAME_SAMPLES,
        extra={"files": [str(file) for file in files]},
    )


def open_pair(clip: Clip) -> Recording:
    """Open the track and the sound of a clip."""
    track, sound = (Path(file) for file in clip.extra["files"])
    return together(load_audio(sound), read_track(track), FPS)


def read_track(path: Path) -> Float[np.ndarray, "F D"]:
    """Return the motion of a track: an npz as above, or an npy of expressions and pose (T, E+6).

    Raises:
        UserError: It is none, holds pickled objects, or values that are not finite.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return flame_motion(found[:, :-6], found[:, -6:], str(path))
        with found:
            given = {k: next(n for n in names if n in found) for k, names in NAMES.items()}
            return flame_motion(found[given["expression"]], found[given["pose"]], str(path))
    except StopIteration as error:
        raise UserError(
            f"{path} lacks exp or pose (expressions; axis-angle of head and jaw) of a FLAME track"
        ) from error
    except (OSError, ValueError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a FLAME track ({error}); copy it again") from error


def flame_motion(expression: np.ndarray, pose: np.ndarray, name: str) -> Float[np.ndarray, "F D"]:
    """Return expressions, jaw and head (yaw, pitch, roll) of expressions and pose (T 6).

    Raises:
        UserError: Shapes do not fit each other, or a value is not finite; `name` says whose.
    """
    fits = expression.ndim == pose.ndim == 2 and len(expression) == len(pose) > 0
    if not fits or pose.shape[1] != 6 or not 1 <= expression.shape[1] <= MOST_EXPRESSIONS:
        raise UserError(
            f"{name} has expressions of shape {expression.shape} and pose of {pose.shape}; a FLAME "
            f"track has 1 to {MOST_EXPRESSIONS} expressions and 6 values of pose in every frame"
        )
    turned = axis_angle_to_matrix(torch.from_numpy(pose[:, :3].astype(np.float64)))
    head = head_angles(turned).numpy()
    motion = np.concatenate([expression, pose[:, 3:], head], 1).astype(np.float32)
    if not np.isfinite(motion).all():
        frame = int(np.flatnonzero(~np.isfinite(motion).all(1))[0])
        raise UserError(f"{name} holds a value that is not finite in frame {frame}; track it again")
    return motion


def _sound(root: Path, tracks: Path, path: Path) -> Path | None:
    return sound_beside(path) or sound_beside(root / "audio" / path.relative_to(tracks))
