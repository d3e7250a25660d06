"""All files of a source: those that are missing, with room for them, verified and unpacked."""

import hashlib
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from distill.data.fetch.manifest import RemoteFile, Source
from distill.data.fetch.transfer import download, remote_size
from distill.errors import UserError
from distill.storage import read_json, write_json

RECORD = "fetched.json"
"""In the folder of a source: hashes of what was downloaded."""
UNPACKED_TIMES = 2.5
"""Room an archive needs with what it holds."""
Say = Callable[[str], None]


def fetch(source: Source, folder: Path, say: Say) -> None:
    """Download what is missing of a source to `folder`; `say` gets a sentence per step.

    A file that is already there and has its hash is left alone; so the same command continues.

    Raises:
        UserError: There is no room, or a file cannot be had or is another than expected.
    """
    record: dict[str, str] = read_json(folder / RECORD) if (folder / RECORD).is_file() else {}
    missing = [file for file in source.files if not present(file, folder, record)]
    if not missing:
        say(f"{source.name} is complete in {folder}")
        return
    require_room(missing, folder)
    for number, file in enumerate(missing, 1):
        known = file.sha256 or record.get(file.path)
        say(f"{number}/{len(missing)} {file.path}")
        found = download(file.url, folder / file.path, sha256=known, size=file.bytes)
        if file.unpack is not None:
            unpack(folder / file.path, folder / file.unpack)
            (folder / file.path).unlink()
        if known is None:
            say(f"  its hash was not known; from now on it must be {found}")
        record[file.path] = found
        write_json(folder / RECORD, record)
    say(f"{source.name} is complete in {folder}")


def present(file: RemoteFile, folder: Path, record: dict[str, str]) -> bool:
    """Whether a file is there and is what it should be."""
    if file.unpack is not None:
        return file.path in record and (folder / file.unpack).is_dir()
    path, known = folder / file.path, file.sha256 or record.get(file.path)
    if not path.is_file() or known is None:
        return False
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == known


def require_room(files: list[RemoteFile], folder: Path) -> None:
    """Refuse a download that does not fit on the disk; sizes nobody states count as nothing."""
    sizes = [file.bytes or (remote_size(file.url) if file.unpack else None) or 0 for file in files]
    needed = sum(
        round(size * (UNPACKED_TIMES if file.unpack else 1))
        for size, file in zip(sizes, files, strict=True)
    )
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise UserError(
            f"the download needs {needed / 1e6:,.0f} MB and {there} has {free / 1e6:,.0f} MB free; "
            "choose another folder with --out"
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar.gz so that `folder` appears whole or not at all.

    A single folder that holds everything in the archive becomes `folder`; nothing is written
    outside of it.

    Raises:
        UserError: The archive is broken or has members outside of itself.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".unpack-") as name:
        work = Path(name)
        try:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as packed:
                    packed.extractall(work)
            else:
                with tarfile.open(archive) as packed:
                    packed.extractall(work, filter="data")
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise UserError(f"{archive} cannot be unpacked ({error}); fetch it again") from error
        inside = [path for path in work.iterdir() if path.name != "__MACOSX"]
        whole = inside[0] if len(inside) == 1 and inside[0].is_dir() else work
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(str(whole), folder) if whole is not work else shutil.copytree(work, folder)
