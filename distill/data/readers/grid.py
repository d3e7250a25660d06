"""GRID (Cooke et al., JASA 2006): sentences of six words; lip contours measured from the video.

The corpus is public (Zenodo 3625687, CC BY 4.0; name its authors): sound, video and word times, but
no motion. This reader takes talker s1 with the outer lip contour that was measured from the video:

    motion.npz         ids (N), fps, lip_points (N F 20 2) pixels in a box of 64 x 48 that follows
                       the head, y down; track_score (N F), how well the box was followed
    alignments.json    {"fps": 25, "clips": [{"id": ..., "words": [["bin", 0.61, 0.84], ...]}]}
    audio/<id>.flac

Contours are in pixels and plane: errors in px^2 compare with nothing but each other. Where the
mouth is in the box says how the head is held and not what is spoken: the median place of a clip's
contour goes to the origin. Clips with a lost contour (NaN, a low `track_score`, the lips run to the
edge of the box, such as up the nose) are left out with a warning that names them.

An id spells its sentence (`bbaf2n`: bin blue at f two now). Clips are dealt to splits by its first
four letters, so that no test sentence is a training sentence with another digit and last word.
"""

import json
import warnings
import zipfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.readers.folder import (
    FolderCorpus,
    checked_folder,
    digest,
    frames_of_both,
    split_by_name,
    together,
)
from distill.errors import UserError, UserNote
from distill.face.landmarks import rest_contour
from distill.face.names import LANDMARK_CHANNELS, LIP_POINTS
from distill.types import Clip, Recording

FPS, SPEAKER = 25.0, "s1"
BOX_PX = (64.0, 48.0)
LOWEST_SCORE = 0.5
"""Correlation with the mouth looked for, below which another thing was followed."""
EDGE_PX = 0.5
SILENCES = ("sil", "sp")
SHARES = (("train", 0.8), ("val", 0.1), ("test", 0.1))
SOURCE = "copy the folder of contours measured from GRID (Zenodo 3625687, CC BY 4.0) again"


def open_grid(
    root: str, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> FolderCorpus:
    """Open a folder of measured contours (`data.root`); clips without a whole track are left out.

    Raises:
        UserError: A file is missing or is not of this layout.
    """
    folder = checked_folder(root, ("motion.npz", "alignments.json", "audio"), "GRID", SOURCE)
    ids, contours, scores = read_contours(folder / "motion.npz")
    words = read_words(folder / "alignments.json")
    sounds = [folder / "audio" / f"{name}.flac" for name in ids]
    missing = [str(path.relative_to(folder)) for path in sounds if not path.is_file()]
    if missing:
        raise UserError(
            f"data.root={root} lacks {len(missing)} recordings of motion.npz, first {missing[0]}; "
            f"{SOURCE}"
        )
    tracked = whole_tracks(contours, scores)
    lost = [name for name, whole in zip(ids, tracked, strict=True) if not whole]
    if lost:
        warnings.warn(
            f"{len(lost)} clips of {root} are left out, their lips were lost: {', '.join(lost)}",
            category=UserNote,
            stacklevel=2,
        )
    return FolderCorpus(
        name="grid",
        rig="landmarks",
        channels=LANDMARK_CHANNELS,
        fps=FPS,
        clips=[
            _clip(name, row, frames_of_both(contours.shape[1], sounds[row], FPS), words)
            for row, name in enumerate(ids)
            if tracked[row]
        ],
        content_hash=digest([folder / "motion.npz", folder / "alignments.json", *sounds]),
        opener=partial(_open, folder),
    )


@lru_cache(maxsize=1)
def read_contours(
    path: Path,
) -> tuple[tuple[str, ...], Float[np.ndarray, "N F P 2"], Float[np.ndarray, "N F"]]:
    """Return ids, contours in pixels of the box, and how well each frame was tracked.

    Raises:
        UserError: The file is no archive of plain arrays, or they are not of this layout.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            ids = tuple(str(name) for name in file["ids"])
            fps = float(file["fps"])
            points = np.asarray(file["lip_points"], np.float32)
            scores = np.asarray(file["track_score"], np.float32)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{path} holds no contours of GRID ({error}); {SOURCE}") from error
    shape = (len(ids), *points.shape[1:2], LIP_POINTS, 2)
    if points.shape != shape or scores.shape != shape[:2] or fps != FPS:
        raise UserError(
            f"{path} has {len(ids)} ids, contours of shape {points.shape} and {fps:g} fps; "
            f"expected {LIP_POINTS} points (x, y) for each frame of each id at {FPS:g} fps"
        )
    if len(set(ids)) < len(ids):
        raise UserError(f"{path} has {len(ids) - len(set(ids))} ids twice; {SOURCE}")
    return ids, points, scores


def read_words(path: Path) -> dict[str, list[tuple[str, float, float]]]:
    """Return the words of every clip with start and end in seconds, silences among them.

    Raises:
        UserError: The file is not of this layout.
    """
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(clip["id"]): [(str(w), float(start), float(end)) for w, start, end in clip["words"]]
            for clip in value["clips"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} holds no word times of GRID ({error!r}); {SOURCE}") from error


def whole_tracks(
    contours: Float[np.ndarray, "N F P 2"], scores: Float[np.ndarray, "N F"]
) -> Bool[np.ndarray, " N"]:
    """Return which clips have a contour in every frame that ends inside the box."""
    inside = (contours >= EDGE_PX) & (contours <= np.array(BOX_PX) - EDGE_PX)
    followed = scores >= LOWEST_SCORE
    return np.array([i.all() and f.all() for i, f in zip(inside, followed, strict=True)], bool)


def to_motion(contour: Float[np.ndarray, "F P 2"]) -> Float[np.ndarray, "F D"]:
    """Return a clip's contour as the channels of `landmarks`: y up, centred, from the rest."""
    centre = np.median(contour.mean(1), 0)
    motion = (contour - centre) * np.array((1.0, -1.0), np.float32) - rest_contour()
    return motion.reshape(len(contour), -1).astype(np.float32)


def _clip(
    name: str, row: int, frames: int, words: dict[str, list[tuple[str, float, float]]]
) -> Clip:
    timed = words.get(name, [])
    return Clip(
        id=name,
        split=split_by_name(name[:4], SHARES),
        speaker=SPEAKER,
        frames=frames,
        samples=sample_at(frames, FPS),
        text=" ".join(word for word, _, _ in timed if word not in SILENCES),
        extra={"row": row, "words": [list(word) for word in timed]},
    )


def _open(root: Path, clip: Clip) -> Recording:
    contours = read_contours(root / "motion.npz")[1]
    audio = load_audio(root / "audio" / f"{clip.id}.flac")
    return together(audio, to_motion(contours[clip.extra["row"]]), FPS)
