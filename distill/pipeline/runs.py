"""Run directories: one config, one folder per stage, a manifest written last means complete."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from distill.errors import UserError
from distill.storage import content_hash, read_json, write_json, write_text

MANIFEST = "stage.json"
CONFIG, RUN = "config.yaml", "run.json"
IGNORED = ("run", "logger", "trainer", "benchmark")
"""Config groups that may change between attempts, since no result depends on them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder of a run, complete when its manifest exists."""

    folder: Path

    @property
    def name(self) -> str:
        """Folder name, also the name shown and logged."""
        return self.folder.name

    @property
    def complete(self) -> bool:
        """Whether the stage has finished."""
        return (self.folder / MANIFEST).is_file()

    def manifest(self) -> dict[str, Any]:
        """Return what the finished stage recorded."""
        return read_json(self.folder / MANIFEST)

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write the manifest; from now on the stage is complete."""
        for leftover in self.folder.glob("last.ckpt*"):
            leftover.unlink()
        write_json(self.folder / MANIFEST, dict(record))


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The folder of one run."""

    folder: Path

    def stage(self, name: str) -> Stage:
        """Return the stage of that name (its folder may not exist yet)."""
        return Stage(self.folder / name)

    def config(self) -> dict[str, Any]:
        """Return the resolved config the run was started with."""
        path = self.folder / CONFIG
        if not path.is_file():
            raise UserError(f"{self.folder} is not a run directory: it has no {CONFIG}")
        return OmegaConf.to_container(OmegaConf.load(path), resolve=True)  # type: ignore[return-value]

    def begin(self, config: Mapping[str, Any]) -> None:
        """Create the run, or check that its config is the one it was started with.

        Raises:
            UserError: The folder holds a run of another config, or cannot be written.
        """
        if (self.folder / CONFIG).is_file():
            self._require_same(config)
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"run.dir={self.folder} is a file; choose a folder")
        write_json(
            self.folder / RUN,
            {"format": 1, "name": config["run"]["name"], "commit": git_commit()}
            | {"config_hash": content_hash(relevant(config))},
        )
        write_text(self.folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(dict(config))))

    def _require_same(self, config: Mapping[str, Any]) -> None:
        changed = changes(relevant(self.config()), relevant(config))
        if changed:
            raise UserError(
                f"{self.folder} holds a run with another config ({changed}); "
                "choose another run.dir or restore the old values"
            )


def relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that decides results: not where data is cached, nor whether
    it may have errors."""
    kept = {key: value for key, value in config.items() if key not in IGNORED}
    if "data" in kept:
        kept["data"] = {k: v for k, v in kept["data"].items() if k not in ("cache", "force")}
    return kept


def changes(before: Mapping[str, Any], after: Mapping[str, Any], most: int = 5) -> str:
    """Return the values that differ as `key: old -> new; ...`; empty when none does."""
    old, new = flat(before), flat(after)
    changed = [
        f"{key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, ...) != new.get(key, ...)
    ]
    return "; ".join(changed[:most]) + ("; ..." if len(changed) > most else "")


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def git_commit() -> str:
    """Return the commit of the checkout the code runs from, or `unknown`."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=12", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() or "unknown"
