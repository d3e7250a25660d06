"""Everything that can be set on the server: one frozen value, and the options that fill it."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from distill.engines import BACKENDS
from distill.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN_VARIABLE = "FACEDISTILL_TOKEN"
MANY = ("models", "origins")
"""Fields of several values: their option can be repeated."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the server runs and what it refuses; times in seconds, sizes in bytes.

    Raises:
        UserError: A value is outside its range.
    """

    models: tuple[str, ...] = _setting(
        (), "model folder or name of a shipped model; repeat for more; default: all shipped ones"
    )
    backend: str | None = _setting(None, "torch or onnx; default: onnx where the model has it")
    rig: str | None = _setting(None, "face to show; default: ict with --rig-path, else the model's")
    rig_path: str | None = _setting(None, "file or folder of a rig that is not made by code")
    assets: str | None = _setting(None, "folder of head and samples, filled where it lacks them")
    host: str = _setting("127.0.0.1", "address to listen at; 0.0.0.0 lets other machines in")
    port: int = _setting(8000, "port to listen at; 0 takes a free one")
    token: str | None = _setting(None, f"secret that clients send; better set {TOKEN_VARIABLE}")
    origins: tuple[str, ...] = _setting(
        (), "origin of further pages that may connect and read: https://face.example; repeatable"
    )
    streams: int = _setting(64, "streams at once; more are told to come back")
    message_bytes: int = _setting(256 * 1024, "largest message of a stream")
    stream_s: float = _setting(3600.0, "longest sound of one stream")
    header_s: float = _setting(10.0, "wait for the head of a request, and for a stream's header")
    idle_s: float = _setting(30.0, "wait for a stream's next sound")
    slow_s: float = _setting(5.0, "wait for a client that does not read its frames")
    send_bytes: int = _setting(256 * 1024, "frames held back for a slow client")
    upload_bytes: int = _setting(64 * 1024 * 1024, "largest upload")
    upload_s: float = _setting(600.0, "longest sound of an upload")
    upload_wait_s: float = _setting(60.0, "wait for an upload to arrive")
    uploads: int = _setting(4, "uploads in work or waiting; more are told to come back")
    retry_s: int = _setting(5, "seconds after which those may come back")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            least = 0 if item.name == "port" else 1e-3
            if isinstance(value, (int, float)) and not least <= value < float("inf"):
                raise UserError(f"{option(item.name)} {value} is not a number above 0")
        if self.port > 65535:
            raise UserError(f"--port {self.port} is not between 0 and 65535")
        if self.backend not in (None, *BACKENDS):
            raise UserError(f"--backend {self.backend} is unknown; use {' or '.join(BACKENDS)}")
        if self.token == "":
            raise UserError(
                f"--token (or {TOKEN_VARIABLE}) is empty, which keeps nobody out; set a secret, or "
                "leave it out to let everybody in"
            )
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.endswith("/"):
                raise UserError(
                    f"--origin {origin} is not an origin; write it as https://face.example"
                )

    @property
    def local(self) -> bool:
        """Whether only this machine can connect."""
        return self.host in LOOPBACK


def option(name: str) -> str:
    """Return the command-line option of a field."""
    return "--" + (name.removesuffix("s") if name in MANY else name).replace("_", "-")


def parser() -> argparse.ArgumentParser:
    """Return the command's options: one for each field of `Settings`."""
    options = argparse.ArgumentParser(
        prog="python -m distill.live",
        description="Serve faces that move while people speak, and a page that shows one.",
    )
    for item in fields(Settings):
        options.add_argument(option(item.name), dest=item.name, **_argument(item))
    return options


def read(arguments: list[str]) -> Settings:
    """Return the settings of a command line.

    Raises:
        UserError: A value is outside its range.
    """
    options = vars(parser().parse_args(arguments))
    return fill({name: value for name, value in options.items() if value is not None})


def fill(values: Mapping[str, Any]) -> Settings:
    """Return settings by name; the token is that of the environment where none is given.

    Raises:
        UserError: A value is outside its range.
        TypeError: A name is unknown.
    """
    given = {"token": os.environ.get(TOKEN_VARIABLE), **values}
    given |= {name: tuple(given[name]) for name in MANY if name in given}
    return Settings(**given)


def _argument(item: Field[Any]) -> dict[str, Any]:
    text = item.metadata["help"]
    if item.name in MANY:
        return {"action": "append", "help": text, "metavar": item.name[:-1].upper()}
    default = None if item.default is MISSING else item.default
    kind = str if default is None else type(default)
    return {"type": kind, "help": text + ("" if default is None else f" (default {default})")}
