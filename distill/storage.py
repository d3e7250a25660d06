"""Atomic files: a reader sees the old content or the new, never half of it."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distill.errors import UserError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it.

    Raises:
        UserError: The folder cannot be written or the disk is full.
    """
    path = Path(path)
    with _opening(path.parent):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-", suffix=path.suffix)
        os.close(handle)
    temporary = Path(name)
    try:
        with _writing(path):
            yield temporary
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, mine: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it takes the place of `path`.

    A folder that is there already is replaced when `mine` says so of everything in it.

    Raises:
        UserError: The place cannot be written, or holds something else.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and all(map(mine, path.iterdir()))):
        raise UserError(f"{path} already exists and holds other files; choose another folder")
    with _opening(path.parent):
        work = Path(tempfile.mkdtemp(dir=path.parent, prefix=".tmp-"))
    new, old = work / "new", work / "old"
    try:
        with _writing(path):
            new.mkdir()
            yield new
            if path.exists():
                path.rename(old)
            new.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _opening(folder: Path) -> Iterator[None]:
    """Make a folder, and say what keeps us from writing to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to folder {folder} ({error.strerror}); choose another folder"
        ) from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say what keeps us from writing a path; errors without a number are not the disk's."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(
            f"cannot write {path} ({error.strerror}); free some space or choose another folder"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, keys in the order given."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is a `UserError` naming it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error


def content_hash(value: Any, length: int = 16) -> str:
    """Hash any JSON value; equal values give equal hashes whatever the key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def cached(path: Path, make: Callable[[Path], None]) -> Path:
    """Return `path`, making it atomically with `make(temporary)` when it does not exist."""
    if not path.exists():
        with atomic_path(path) as temporary:
            make(temporary)
    return path
