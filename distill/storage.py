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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise UserError(
            f"cannot write to folder {path.parent} ({error.strerror}); choose another folder"
        ) from error
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(
            f"cannot write {path} ({error.strerror}); free some space or choose another folder"
        ) from error
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=path.parent, prefix=".tmp-"))
    except OSError as error:
        raise UserError(
            f"cannot write to folder {path.parent} ({error.strerror}); choose another folder"
        ) from error
    new, old = work / "new", work / "old"
    try:
        new.mkdir()
        yield new
        if path.exists():
            path.rename(old)
        new.rename(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise UserError(
            f"cannot write {path} ({error.strerror}); free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


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
