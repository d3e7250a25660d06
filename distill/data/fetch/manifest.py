"""What can be fetched: files with sizes and hashes, licences, and where to ask for the rest."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from distill.errors import UserError

RESTRICTED = "restricted"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a source.

    Attributes:
        path: Where it goes below the source's folder.
        url: Where it comes from.
        bytes: Its size; None when not known before the first download.
        sha256: Its hash; None when not known: then that of the first download counts from then on.
        unpack: Folder that appears when it is unpacked; None for a plain file.
    """

    path: str
    url: str
    bytes: int | None = None
    sha256: str | None = None
    unpack: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A corpus or model that everybody may download.

    Attributes:
        name: What `fetch` calls it.
        title: What it is.
        page: Where it is described.
        licence: Name of its licence.
        terms: The licence in a sentence.
        licence_url: Its text.
        after: What to do with it; `{folder}` stands for its folder.
        files: Its files.
    """

    name: str
    title: str
    page: str
    licence: str
    terms: str
    licence_url: str
    after: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, kw_only=True)
class Restricted:
    """A corpus or model that has to be asked for."""

    name: str
    title: str
    licence: str
    ask: str


def names() -> list[str]:
    """Return the names of all sources."""
    stems = (item.name.removesuffix(".yaml") for item in _folder().iterdir() if _is_yaml(item))
    return sorted(stem for stem in stems if stem != RESTRICTED)


def source(name: str) -> Source:
    """Return a source by name.

    Raises:
        UserError: There is none of that name, or it has to be asked for.
    """
    if name not in names():
        asked = {entry.name: entry for entry in restricted()}
        if name in asked:
            entry = asked[name]
            raise UserError(f"{name} ({entry.licence}) cannot be fetched: {entry.ask}")
        raise UserError(f"{name!r} is not known; one of {', '.join([*names(), *asked])}")
    value = _read(name)
    rows = [{"url": value["base"] + row["path"], **row} for row in value["files"]]
    return Source(
        name=name,
        title=value["title"],
        page=value["page"],
        licence=value["licence"]["name"],
        terms=value["licence"]["text"],
        licence_url=value["licence"]["url"],
        after=value["next"],
        files=tuple(RemoteFile(**row) for row in rows),
    )


def restricted() -> list[Restricted]:
    """Return what has to be asked for."""
    return [Restricted(name=name, **value) for name, value in _read(RESTRICTED).items()]


def _folder() -> Any:
    return files("distill.data.fetch")


def _is_yaml(item: Any) -> bool:
    return item.name.endswith(".yaml")


def _read(name: str) -> Any:
    return yaml.safe_load((_folder() / f"{name}.yaml").read_text(encoding="utf-8"))
