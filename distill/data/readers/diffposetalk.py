"""DiffPoseTalk (Sun et al., SIGGRAPH 2024): FLAME tracks of HDTF and TFHP, packed in an lmdb.

Ask for it with the form of the public repository DiffPoseTalk/DiffPoseTalk (HDTF_TFHP-lmdb, for
research; the videos belong to their owners). Layout, as its `make_combined_dataset.py` writes it:

    lmdb/data.mdb                    a table of pickled values:
        metadata                       {"seg_len": 100}
        <person>/<clip>/metadata       {"n_frames": T}
        <person>/<clip>/000, 001, ...  {"coef": {"exp" (100, 50), "pose" (100, 6), "shape"},
                                        "audio": a flac or mp3 file of these frames at 16 kHz}
    train.txt, val.txt, test.txt     a line `<person>/<clip>` each; beside data.mdb or above

Motion is at 25 frames per second and `pose` the axis-angle of the head, then of the jaw. The last
segment of a clip is shorter; an mp3 segment decodes to more than its frames and is cut. Without
split files people are split by name. People of `test.txt` are in no other list.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distill.audio.decode import decode_audio
from distill.data.readers.flame import FPS, FRAME_SAMPLES, SHARES, flame_motion
from distill.data.readers.folder import FolderCorpus, split_by_name
from distill.errors import UserError
from distill.face.flame import JAW, flame_channels
from distill.face.names import HEAD
from distill.pickles import parse_pickle
from distill.types import Clip, Recording

if TYPE_CHECKING:
    import lmdb

SPLITS = ("train", "val", "test")
HASHED_BYTES = 4096
LOST_FRAMES = 2
"""Sound may end this much before a segment's motion, as lossy codecs have it."""


def open_diffposetalk(
    root: str, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> FolderCorpus:
    """Open the folder that has `data.mdb`, or the one above (`data.root`).

    Raises:
        UserError: It is not there or damaged, or the lists name no clip of it.
    """
    folder = next(
        (f for f in (Path(root), Path(root) / "lmdb") if (f / "data.mdb").is_file()), None
    )
    if folder is None:
        raise UserError(
            f"data.root={root} has no data.mdb or lmdb/data.mdb; point it to the folder "
            "HDTF_TFHP-lmdb, which the authors of DiffPoseTalk give on request"
        )
    table = Table(folder)
    held = table.clips()
    splits = read_splits(folder) or {c: split_by_name(c.split("/")[0], SHARES) for c in held}
    names = [name for name in splits if name in held]
    if not names:
        raise UserError(f"{folder} holds {len(held)} clips and none that its split files name")
    clips = [_clip(name, splits[name], table.frames(name)) for name in names]
    width = table.segment(names[0], 0)[0].shape[1]
    return FolderCorpus(
        name="diffposetalk",
        rig="flame",
        channels=flame_channels(width - len(JAW) - len(HEAD)),
        fps=FPS,
        clips=clips,
        content_hash=table.digest(clips),
        opener=partial(_open, folder),
    )


def read_splits(folder: Path) -> dict[str, str]:
    """Return the split of each clip that the lists in a folder, or in the one above, name.

    Raises:
        UserError: A clip is in two lists.
    """
    splits: dict[str, str] = {}
    for split in SPLITS:
        lists = [f / f"{split}.txt" for f in (folder, folder.parent)]
        path = next((p for p in lists if p.is_file()), None)
        for line in path.read_text(encoding="utf-8").splitlines() if path else ():
            name = (line.split() or [""])[0]
            if splits.setdefault(name, split) != split:
                raise UserError(f"{path} names {name}, which is in {splits[name]}.txt too")
    splits.pop("", None)
    return splits


@lru_cache(maxsize=8)
def _environment(folder: Path) -> "lmdb.Environment":
    """Open the database; a process may open it once, and forked ones share it."""
    try:
        import lmdb
    except ImportError as error:
        raise UserError(
            "reading an lmdb needs the flame extra: pip install 'facedistill[flame]'"
        ) from error
    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise UserError(f"{folder}/data.mdb is not a readable lmdb ({error})") from error


class Table:
    """The database of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.segment_frames = int(self._values("metadata", "seg_len")[0])

    def clips(self) -> list[str]:
        """Return the names of all clips, sorted."""
        with _environment(self.folder).begin() as look, look.cursor() as cursor:
            keys = [bytes(key).decode(errors="replace") for key in cursor.iternext(values=False)]
        return [key.removesuffix("/metadata") for key in keys if key.endswith("/metadata")]

    def frames(self, name: str) -> int:
        """Return how many frames a clip has."""
        return int(self._values(f"{name}/metadata", "n_frames")[0])

    def segment(self, name: str, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return motion (F D) and audio (S,) of one segment, of equal length.

        Raises:
            UserError: It is missing or damaged, or its sound ends before its motion.
        """
        key = f"{name}/{index:03d}"
        (coefficients, sound), where = self._values(key, "coef", "audio"), f"{self.folder}: {key}"
        exp, pose = (_array(coefficients, field, where) for field in ("exp", "pose"))
        motion, audio = flame_motion(exp, pose, where), decode_audio(bytes(sound), where)
        count = len(motion) * FRAME_SAMPLES
        if len(audio) < count - LOST_FRAMES * FRAME_SAMPLES:
            raise UserError(
                f"{where} has {len(motion)} frames of motion and sound for "
                f"{len(audio) // FRAME_SAMPLES}; get the database again"
            )
        return motion, np.pad(audio[:count], (0, max(count - len(audio), 0)))

    def digest(self, clips: Sequence[Clip]) -> str:
        """Hash names, splits, lengths and first bytes of clips: the whole takes minutes to read."""
        total = hashlib.sha256()
        with _environment(self.folder).begin(buffers=True) as look:
            for clip in clips:
                first = look.get(f"{clip.id}/000".encode()) or b""
                total.update(f"{clip.id} {clip.split} {clip.frames} {len(first)} ".encode())
                total.update(first[:HASHED_BYTES])
        return total.hexdigest()[:16]

    def _values(self, key: str, *fields: str) -> list[Any]:
        with _environment(self.folder).begin() as look:
            data = look.get(key.encode())
        if data is None:
            raise UserError(f"{self.folder} lacks {key}; get the database again")
        value = parse_pickle(data, f"{self.folder}: {key}")
        missing = [f for f in fields if not isinstance(value, dict) or f not in value]
        if missing:
            raise UserError(f"{self.folder}: {key} has no {missing[0]}; it is not DiffPoseTalk's")
        return [value[field] for field in fields]


def _array(values: Any, name: str, where: str) -> np.ndarray:
    found = values.get(name) if isinstance(values, dict) else None
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
        raise UserError(f"{where} has no array {name}; it is not DiffPoseTalk's")
    return found


def _clip(name: str, split: str, frames: int) -> Clip:
    return Clip(
        id=name,
        split=split,
        speaker=name.split("/")[0],
        frames=frames,
        samples=frames * FRAME_SAMPLES,
    )


def _open(folder: Path, clip: Clip) -> Recording:
    table = Table(folder)
    parts = [table.segment(clip.id, i) for i in range(-(-clip.frames // table.segment_frames))]
    motion, audio = (np.concatenate(values) for values in zip(*parts, strict=True))
    if len(motion) < clip.frames:
        raise UserError(
            f"{folder}: {clip.id} has {len(motion)} frames, not {clip.frames} as it says; get the "
            "database again"
        )
    return Recording(audio=audio[: clip.samples], motion=motion[: clip.frames])
