"""One file over HTTP: continued where it broke off, checked, and in place only when whole.

`urllib` does it: a range request and a hash are a page of code, and pooch, which would be the
library to take, starts a broken file from the beginning.
"""

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from distill.errors import UserError

TIMEOUT_S = 30.0
BLOCK_BYTES = 1 << 18
ATTEMPTS = 4
PAUSE_S = 0.5
Advance = Callable[[int], None]


def download(
    url: str, path: Path, *, sha256: str | None, size: int | None, advance: Advance | None = None
) -> str:
    """Fetch `url` to `path`, continuing `path.part` if there is one; return the SHA-256.

    Args:
        url: Address.
        path: Where the file goes, atomically.
        sha256: What its hash must be; None accepts any.
        size: What its size must be in bytes; None accepts any.
        advance: Called with the bytes there are so far.

    Raises:
        UserError: The server cannot be reached, keeps breaking off, or sends another file.
    """
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        before = _size(part)
        try:
            _continue(url, part, advance, checked=sha256 is not None)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise UserError(f"{url} answers {error.code} {error.reason}") from error
            _again(url, part, attempt, before, error)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (28, 30):
                raise
            _again(url, part, attempt, before, error)
    found = _digest(part)
    wrong_size = size is not None and _size(part) != size
    if wrong_size or (sha256 is not None and found != sha256):
        told = f"{_size(part)} bytes, SHA-256 {found}"
        part.unlink()
        _tag(part).unlink(missing_ok=True)
        raise UserError(
            f"{url} is another file than expected ({told}; expected {size or 'any'} bytes, SHA-256 "
            f"{sha256 or 'any'}); it was deleted: try again, or ask the publisher what changed"
        )
    os.replace(part, path)
    _tag(part).unlink(missing_ok=True)
    return found


def remote_size(url: str) -> int | None:
    """Return the size a server states for a file, None when it does not say."""
    request = urllib.request.Request(url, method="HEAD", headers=_headers())
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            stated = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException):
        return None
    return int(stated) if stated and stated.isdigit() else None


def _continue(url: str, part: Path, advance: Advance | None, *, checked: bool) -> None:
    """Append what is missing of a file, or start over where the server cannot continue it.

    Without a hash to check, a part is continued only where the server says that it still has the
    same version.
    """
    have, tag = _size(part), _tag(part)
    headers = _headers()
    if have and (checked or tag.is_file()):
        headers["Range"] = f"bytes={have}-"
        if tag.is_file():
            headers["If-Range"] = tag.read_text(encoding="utf-8")
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        part.unlink()  # there is nothing after what we have: start over and compare hashes
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=_headers()), timeout=TIMEOUT_S
        )
    with answer:
        start = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        goes_on = answer.status == 206 and start == str(have)
        marks = (answer.headers.get("ETag", "W/"), answer.headers.get("Last-Modified", "W/"))
        mark = next((mark for mark in marks if not mark.startswith("W/")), None)
        if mark:
            tag.write_text(mark, encoding="utf-8")
        else:
            tag.unlink(missing_ok=True)
        with open(part, "ab" if goes_on else "wb") as file:
            _copy(answer, file, advance)
            file.flush()
            os.fsync(file.fileno())


def _copy(answer: http.client.HTTPResponse, file: object, advance: Advance | None) -> None:
    stated = answer.headers.get("Content-Length")
    left = int(stated) if stated and stated.isdigit() else None
    while block := answer.read(BLOCK_BYTES):
        file.write(block)  # type: ignore[attr-defined]
        left = None if left is None else left - len(block)
        if advance:
            advance(file.tell())  # type: ignore[attr-defined]
    if left:
        raise http.client.IncompleteRead(b"", left)


def _again(url: str, part: Path, attempt: int, before: int, error: Exception) -> None:
    """Wait before another attempt, or give up."""
    if attempt + 1 == ATTEMPTS:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{url} broke off after {_size(part):,} bytes ({reason}); the same command continues "
            "there"
        ) from error
    if _size(part) == before:
        time.sleep(PAUSE_S * 2**attempt)


def _headers() -> dict[str, str]:
    return {"User-Agent": "facedistill", "Accept-Encoding": "identity"}


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
