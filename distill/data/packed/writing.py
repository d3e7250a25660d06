"""Packing a corpus: clip by clip into litdata shards, its index last."""

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from distill.data.packed.coding import decode_audio, decode_motion, encode_audio, encode_motion
from distill.data.packed.reading import FORMAT, INDEX, TABLE
from distill.data.packed.shards import INDEX as SHARDS
from distill.data.packed.shards import ShardWriter, is_remote, upload
from distill.data.table import COLUMNS, SPLITS
from distill.errors import UserError
from distill.protocols import Corpus
from distill.storage import content_hash, write_json
from distill.types import Clip

SHARD_MB = 64.0


class Loss:
    """Largest and root mean square difference between what was given and what is kept."""

    def __init__(self) -> None:
        self.largest, self.squares, self.count = 0.0, 0.0, 0

    def add(self, given: np.ndarray, kept: np.ndarray) -> None:
        """Take a clip into account."""
        error = np.abs(given.astype(np.float64) - kept)
        self.largest = max(self.largest, float(error.max(initial=0.0)))
        self.squares += float((error**2).sum())
        self.count += error.size

    def found(self) -> dict[str, float]:
        """Return both."""
        return {
            "largest_error": self.largest,
            "rms_error": math.sqrt(self.squares / max(self.count, 1)),
        }


def pack(
    corpus: Corpus,
    out: str,
    *,
    audio: str = "flac",
    motion: str = "float16",
    shard_mb: float = SHARD_MB,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write a corpus as shards to a folder or bucket; return its index, measured errors included.

    Args:
        corpus: What to pack.
        out: Folder that does not exist or is empty, or address such as `s3://bucket/folder`.
        audio: `flac` or `opus`.
        motion: `float16` or `float32`.
        shard_mb: Size of a shard.
        seed: Decides the order of training clips.
        progress: Called with (clips done, clips).

    Raises:
        UserError: `out` is taken or cannot be written, or two clips have the same id.
    """
    clips = in_order(corpus.clips, seed)
    names = {
        "speaker": sorted({clip.speaker for clip in clips if clip.speaker}),
        "emotion": sorted({clip.emotion for clip in clips if clip.emotion}),
    }
    with _folder(out) as folder:
        writer = ShardWriter(folder, int(shard_mb * 1e6))
        columns = np.zeros(len(clips), COLUMNS)
        losses = {"audio": Loss(), "motion": Loss()}
        for number, clip in enumerate(clips):
            recording = corpus.read(clip)
            sound = encode_audio(recording.audio, audio)
            samples = len(recording.audio)
            losses["audio"].add(recording.audio, decode_audio(sound, samples))
            moved, frames = b"", 0
            if recording.motion is not None:
                moved, frames = encode_motion(recording.motion, motion), len(recording.motion)
                kept = decode_motion(moved, motion, len(corpus.channels))
                losses["motion"].add(recording.motion, kept)
            writer.append([about(clip), sound, moved])
            labels = [_place(names[kind], getattr(clip, kind)) for kind in names]
            columns[number] = (SPLITS.index(clip.split), *labels, frames, samples)
            if progress is not None:
                progress(number + 1, len(clips))
        shards = writer.finish()
        np.save(folder / TABLE, columns)
        index = {
            "format": FORMAT,
            "name": corpus.name,
            "rig": corpus.rig,
            "channels": list(corpus.channels),
            "fps": corpus.fps,
            "source_hash": corpus.content_hash,
            "content_hash": _digest(folder, [*shards, TABLE], names),
            "clips": len(clips),
            "bytes": sum((folder / name).stat().st_size for name in shards),
            "audio": {"codec": audio, **losses["audio"].found()},
            "motion": {"kind": motion, **losses["motion"].found()},
            "names": names,
        }
        write_json(folder / INDEX, index)
        if is_remote(out):
            upload(folder, out, [*shards, SHARDS, TABLE, INDEX])
    return index


def in_order(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Return training clips in a random order, then those of the other splits in their own.

    Raises:
        UserError: Two clips have the same id, or there is none.
    """
    if not clips:
        raise UserError("there is no clip to pack; check the corpus")
    seen: set[str] = set()
    for clip in clips:
        if clip.id in seen:
            raise UserError(f"two clips are called {clip.id!r}; ids must be unique")
        seen.add(clip.id)
    training = [clip for clip in clips if clip.split == "train"]
    order = np.random.default_rng(seed).permutation(len(training))
    rest = [clip for name in SPLITS[1:] for clip in clips if clip.split == name]
    return [training[place] for place in order] + rest


def about(clip: Clip) -> bytes:
    """Return what is known of a clip beyond its columns, as JSON."""
    plain = (str, int, float, list, tuple)
    return json.dumps(
        {
            "id": clip.id,
            "text": clip.text,
            "phones": [[phone.label, phone.start_s, phone.end_s] for phone in clip.phones],
            "seed": clip.seed,
            "extra": {key: value for key, value in clip.extra.items() if isinstance(value, plain)},
        }
    ).encode()


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name else -1


@contextmanager
def _folder(out: str) -> Iterator[Path]:
    """Yield a folder to write to; it becomes `out` when all went well."""
    if is_remote(out):
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
        return
    wanted = Path(out)
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise UserError(f"--out {out} is not an empty folder; choose another")
    wanted.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{wanted.name}-", dir=wanted.parent))
    try:
        yield work
        work.chmod(0o755)
        work.replace(wanted)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _digest(folder: Path, names: Sequence[str], labels: dict[str, list[str]]) -> str:
    found = []
    for name in names:
        with open(folder / name, "rb") as file:
            found.append(hashlib.file_digest(file, "sha256").hexdigest())
    return content_hash([found, labels])
