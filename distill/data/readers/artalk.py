"""ARTalk (Chu et al., 2025): FLAME tracks in the layout of the training code of its repository.

The repository xg-chu/ARTalk (its own licence) publishes code and models; its training tracks, made
from TFHP, are not public. Ask for TFHP as `diffposetalk.py` says and track it, or track your own:

    metadata.json          [{"audio_path": "audios/a.wav", "motion_path": "motions/a.npy", ...}]
    audios/<clip>.wav      16 kHz mono
    motions/<clip>.npy     (T, 106) at 25 fps: 100 expressions, axis-angle of the head, of the jaw

Read from TRAINING.md, `dataset.py` and `inference.py` of that repository. No published track was at
hand to try: that pose is head, then jaw is how its rendering uses it, while TRAINING.md calls the
last three "jaw/neck/eyes". Motion may also be an npz as `flame.py` says. Who speaks is not in
this layout, so clips are split by name and one voice may be in two splits.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distill.data.readers.flame import (
    FRAME_SAMPLES,
    SHARES,
    flame_clip,
    flame_corpus,
    open_pair,
    read_track,
)
from distill.data.readers.folder import FolderCorpus, checked_folder, heard_samples, split_by_name
from distill.errors import UserError
from distill.types import Clip

INDEX = "metadata.json"


def open_artalk(
    root: str, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> FolderCorpus:
    """Open a folder with a `metadata.json` (`data.root`).

    Raises:
        UserError: No such list, or a file of it is missing, elsewhere or not of this layout.
    """
    folder = checked_folder(root, (INDEX,), "ARTalk", "point it to the folder of its metadata.json")
    try:
        entries = list(json.loads((folder / INDEX).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(f"{folder / INDEX} is not a list of clips ({error})") from error
    if not entries:
        raise UserError(f"{folder / INDEX} lists no clip; track some recordings first")
    clips = [_clip(folder, entry) for entry in entries]
    width = read_track(Path(clips[0].extra["files"][0])).shape[1]
    return flame_corpus("artalk", clips, width, open_pair)


def _clip(folder: Path, entry: Any) -> Clip:
    track, sound = (_file(folder, entry, key) for key in ("motion_path", "audio_path"))
    name = str(track.relative_to(folder.resolve()).with_suffix(""))
    frames = min(len(read_track(track)), heard_samples(sound) // FRAME_SAMPLES)
    split = split_by_name(name, SHARES)
    return flame_clip(name, split=split, speaker="", frames=frames, files=[track, sound])


def _file(folder: Path, entry: Any, key: str) -> Path:
    """Return a file that the list names, if it is in the folder."""
    if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
        raise UserError(f"{folder / INDEX} has an entry without {key}: {entry!r:.80}")
    path = (folder / entry[key]).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise UserError(f"{folder / INDEX} names {entry[key]}, which is no file in {folder}")
    return path
