"""Shards in litdata's format: written in order, read at any place, in a folder or in a bucket.

A shard is the count n, n + 1 offsets, then n items; an item is the sizes of its parts, then the
parts; all numbers are uint32. litdata itself is not needed (it asks for torchvision, whose wheels
do not load beside a CPU build of torch), and opens what is written here.
"""

import json
import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill.errors import UserError
from distill.storage import write_text

PARTS = ("about", "audio", "motion")
"""Names of an item's byte strings."""
INDEX = "index.json"
OPEN_SHARDS = 64


class ShardWriter:
    """Writes items to shards of at most `shard_bytes` in a folder."""

    def __init__(self, folder: Path, shard_bytes: int):
        self.folder, self.shard_bytes = folder, shard_bytes
        self.chunks: list[dict[str, Any]] = []
        self._items: list[bytes] = []
        self._bytes = 4

    def append(self, parts: Sequence[bytes]) -> None:
        """Add an item."""
        item = np.array([len(part) for part in parts], "<u4").tobytes() + b"".join(parts)
        if self._items and self._bytes + len(item) + 8 > self.shard_bytes:
            self._flush()
        self._items.append(item)
        self._bytes += len(item) + 4

    def finish(self) -> list[str]:
        """Write what is left and litdata's index; return the names of the shards."""
        if self._items:
            self._flush()
        leaf = {"type": None, "context": None, "children_spec": []}
        context = json.dumps(PARTS)
        spec = {"type": "builtins.dict", "context": context, "children_spec": [leaf] * len(PARTS)}
        config = {
            "chunk_bytes": self.shard_bytes,
            "chunk_size": None,
            "compression": None,
            "data_format": ["bytes"] * len(PARTS),
            "data_spec": json.dumps([1, spec]),
            "encryption": None,
            "item_loader": "PyTreeLoader",
        }
        index = {"chunks": self.chunks, "config": config, "updated_at": str(time.time())}
        write_text(self.folder / INDEX, json.dumps(index))
        return [chunk["filename"] for chunk in self.chunks]

    def _flush(self) -> None:
        count, name = len(self._items), f"chunk-0-{len(self.chunks)}.bin"
        sizes = [4 * (count + 2), *map(len, self._items)]
        head = np.concatenate([[count], np.cumsum(sizes)]).astype("<u4").tobytes()
        data = head + b"".join(self._items)
        (self.folder / name).write_bytes(data)
        self.chunks.append(
            {"chunk_bytes": len(data), "chunk_size": count, "dim": None, "filename": name}
        )
        self._items, self._bytes = [], 4


def is_remote(root: str) -> bool:
    """Return whether `root` is the address of a bucket (`s3://...`), not a folder."""
    return "://" in root


def bucket(root: str) -> Any:
    """Open a bucket; credentials come from the environment.

    Raises:
        UserError: The extra `scale` is not installed, or the address is of no known kind.
    """
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise UserError(f'{root} needs an extra: pip install "facedistill[scale]"') from error
    try:
        return from_url(root)
    except Exception as error:
        raise UserError(f"{root} cannot be opened ({error}); use s3://, gs:// or az://") from error


def fetch(root: str, name: str, path: Path) -> Path:
    """Copy the file `name` of a bucket to `path`, whole or not at all.

    Raises:
        UserError: It cannot be had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".arriving-{os.getpid()}-{name}")
    try:
        with open(arriving, "wb") as file:
            for part in bucket(root).get(name):
                file.write(part)
        arriving.replace(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"cannot read {root}/{name} ({error}); check data.root") from error
    finally:
        arriving.unlink(missing_ok=True)
    return path


def upload(folder: Path, root: str, names: Sequence[str]) -> None:
    """Copy files of a folder to a bucket, in order.

    Raises:
        UserError: The bucket cannot be written.
    """
    try:
        for name in names:
            bucket(root).put(name, folder / name)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"cannot write to {root} ({error})") from error


class Shards:
    """Items of litdata shards by number. At most `OPEN_SHARDS` are open, memory mapped.

    Args:
        root: Folder, or address of a bucket.
        chunks: `chunks` of litdata's index.
        cache: Where shards of a bucket are kept.
        cache_bytes: Size of that folder at which shards unused for longest are removed; one more
            shard per process can be there for a moment.
    """

    def __init__(
        self, root: str, chunks: Sequence[dict[str, Any]], *, cache: Path, cache_bytes: int
    ):
        self.root, self.cache, self.cache_bytes = root, cache, cache_bytes
        self.names = [chunk["filename"] for chunk in chunks]
        self.ends = np.cumsum([chunk["chunk_size"] for chunk in chunks])
        self._open: OrderedDict[int, np.ndarray] = OrderedDict()

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def item(self, number: int) -> list[bytes]:
        """Return the byte strings of an item."""
        shard = int(np.searchsorted(self.ends, number, side="right"))
        data = self._mapped(shard)
        count = int(data[:4].view("<u4")[0])
        place = number - (int(self.ends[shard]) - count)
        start, stop = data[4 + 4 * place : 12 + 4 * place].view("<u4").tolist()
        item = data[start:stop].tobytes()
        sizes = np.frombuffer(item, "<u4", len(PARTS))
        ends = np.cumsum(sizes) + 4 * len(PARTS)
        return [item[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    def _mapped(self, shard: int) -> np.ndarray:
        if shard not in self._open:
            self._open[shard] = self._map(self.names[shard])
            if len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)
        self._open.move_to_end(shard)
        return self._open[shard]

    def _map(self, name: str) -> np.ndarray:
        path = self.cache / name if is_remote(self.root) else Path(self.root) / name
        while True:
            try:
                data = np.memmap(path, np.uint8, mode="r")
            except FileNotFoundError as error:
                if not is_remote(self.root):
                    raise UserError(f"{path} is missing; pack the corpus again") from error
                fetch(self.root, name, path)
                self._make_room(path)
                continue
            if is_remote(self.root):
                os.utime(path)
            return data

    def _make_room(self, newest: Path) -> None:
        """Remove shards unused for longest until the cache is as small as it has to be."""
        found = []
        for path in self.cache.glob("chunk-*"):
            try:
                found.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:  # another process made room
                continue
        excess = sum(size for _, size, _ in found) - self.cache_bytes
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                excess -= size

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}
