"""Packed corpora, opened: any clip at once, whatever their number."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from distill.data.packed.coding import decode_audio, decode_motion
from distill.data.packed.shards import INDEX as SHARDS
from distill.data.packed.shards import Shards, fetch, is_remote
from distill.data.table import COLUMNS, SPLITS, ClipTable
from distill.errors import UserError
from distill.storage import content_hash, read_json
from distill.types import Clip, Interval, Recording

FORMAT = 1
INDEX, TABLE = "clips.json", "clips.npy"


class PackedCorpus:
    """A packed corpus (protocols.Corpus).

    Args:
        index: Content of `clips.json`.
        columns: An array of `COLUMNS`.
        shards: Where the clips lie, in the order of the columns.
    """

    def __init__(self, index: dict[str, Any], columns: np.ndarray, shards: Shards):
        self.index, self.shards = index, shards
        self.name, self.rig = str(index["name"]), str(index["rig"])
        self.channels = tuple(index["channels"])
        self.fps, self.content_hash = float(index["fps"]), str(index["content_hash"])
        self.clips = ClipTable(columns, index["names"], self._clip)

    def read(self, clip: Clip) -> Recording:
        """Open a clip."""
        _, audio, motion = self.shards.item(clip.extra["number"])
        return Recording(
            audio=decode_audio(audio, clip.samples),
            motion=decode_motion(motion, self.index["motion"]["kind"], len(self.channels))
            if clip.frames
            else None,
        )

    def _clip(self, number: int) -> Clip:
        row = self.clips.columns[number]
        about = json.loads(self.shards.item(number)[0])
        return Clip(
            id=about["id"],
            split=SPLITS[row["split"]],
            speaker=self._name("speaker", row),
            emotion=self._name("emotion", row),
            frames=int(row["frames"]),
            samples=int(row["samples"]),
            text=about["text"],
            phones=tuple(
                Interval(label=label, start_s=start_s, end_s=end_s)
                for label, start_s, end_s in about["phones"]
            ),
            seed=about["seed"],
            extra=about["extra"] | {"number": number},
        )

    def _name(self, kind: str, row: np.void) -> str:
        return self.index["names"][kind][row[kind]] if row[kind] >= 0 else ""


def open_packed(
    root: str,
    *,
    cache: Path,
    cache_gb: float = 20.0,
    progress: Callable[[int, int], None] | None = None,
) -> PackedCorpus:
    """Open a packed corpus (`data.root`), a folder or a bucket.

    Args:
        root: Folder or address (`s3://bucket/folder`).
        cache: Where files of a bucket are kept.
        cache_gb: Largest size of the shards kept there.
        progress: Called with (1, 1).

    Raises:
        UserError: There is no complete packed corpus at `root`.
    """
    root = str(root).rstrip("/")
    kept = Path(cache) / f"packed-{content_hash(root)}"
    folder = kept if is_remote(root) else Path(root)
    if is_remote(root):
        kept = kept / _refresh(root, kept)
        folder = kept
    elif not (folder / INDEX).is_file():
        raise UserError(
            f"data.root={root} holds no {INDEX}; pack a corpus there with "
            f"python -m distill.data pack data=... --out {root}"
        )
    index = read_json(folder / INDEX)
    if index.get("format") != FORMAT:
        raise UserError(f"{root} is not a packed corpus of format {FORMAT}; pack it again")
    columns = np.load(folder / TABLE, mmap_mode="r", allow_pickle=False)
    if columns.dtype != COLUMNS:
        raise UserError(f"{root}/{TABLE} has other columns than format {FORMAT}; pack it again")
    shards = Shards(
        root,
        read_json(folder / SHARDS)["chunks"],
        cache=kept,
        cache_bytes=int(cache_gb * 1e9),
    )
    if progress is not None:
        progress(1, 1)
    return PackedCorpus(index, columns, shards)


def _refresh(root: str, kept: Path) -> str:
    """Bring the index of a bucket up to date; return the name of the folder that it belongs to."""
    latest = fetch(root, INDEX, kept / INDEX)
    name = str(read_json(latest)["content_hash"])
    for needed in (TABLE, SHARDS, INDEX):
        if not (kept / name / needed).is_file():
            fetch(root, needed, kept / name / needed)
    return name
