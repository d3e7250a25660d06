"""Measured runs read for a comparison, and whether comparing them means anything."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import Results, read_results
from distill.errors import UserError
from distill.pipeline.runs import RunDirectory, flat, relevant
from distill.storage import read_json

FIRST_STAGES = ("personalizer", "teacher")
CURVES = ("train/loss", "val/loss")
NOT_MEASURING = ("timing_s", "teacher_steps", "export_steps")
"""What a protocol says besides how quality was measured."""


@dataclass(frozen=True, kw_only=True)
class MeasuredRun:
    """A finished run with its report.

    Attributes:
        label: How tables call it.
        folder: Its directory.
        config: Resolved config.
        results: What was measured.
        wall_s: Duration of the whole run; None for one that was resumed or took a teacher over.
    """

    label: str
    folder: Path
    config: dict[str, Any]
    results: Results
    wall_s: float | None

    @property
    def basis(self) -> dict[str, Any]:
        """What has to be equal for figures to be comparable."""
        protocol = {k: v for k, v in self.results.protocol.items() if k not in NOT_MEASURING}
        return {
            "data": self.results.data_hash,
            "rig": self.config["rig"]["name"],
            **flat(protocol, "protocol."),
            **flat(self.results.splits, "clips."),
        }

    def curves(self, stage: str) -> dict[str, tuple[list[float], list[float]]]:
        """Return steps and values of the losses of a stage; empty without a metrics file."""
        path = self.folder / stage / "metrics.csv"
        if not path.exists():
            return {}
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = {}
        for metric in CURVES:
            pairs = [(float(r["step"]), float(r[metric])) for r in rows if r.get(metric)]
            if pairs:
                found[metric] = ([x for x, _ in pairs], [y for _, y in pairs])
        return found

    def stages(self) -> list[str]:
        """Return the stages that have a metrics file, in order of training."""
        names = sorted(path.parent.name for path in self.folder.glob("*/metrics.csv"))
        return sorted(names, key=lambda name: (name not in FIRST_STAGES, name))


def read_runs(folders: Sequence[Path]) -> list[MeasuredRun]:
    """Read measured runs; a folder's name is its label, or its path where names repeat.

    Raises:
        UserError: A folder is no run, or has not been measured.
    """
    names = [folder.resolve().name for folder in folders]
    labels = [n if names.count(n) == 1 else str(f) for n, f in zip(names, folders, strict=True)]
    if len(set(labels)) < len(labels):
        raise UserError(f"a run is given twice among {', '.join(labels)}; give each once")
    return [_read(folder, label) for folder, label in zip(folders, labels, strict=True)]


def disagreements(runs: Sequence[MeasuredRun]) -> list[str]:
    """Return, in words, everything that keeps runs from being compared."""
    first, found = runs[0], []
    for key in dict.fromkeys(key for run in runs for key in run.basis):
        for run in runs[1:]:
            here, there = (r.basis.get(key, "none") for r in (first, run))
            if here != there:
                found.append(f"{key} is {here} in {first.label} and {there} in {run.label}")
                break
    return found


def require_comparable(runs: Sequence[MeasuredRun]) -> None:
    """Refuse runs that were measured on different data, rigs or protocols.

    Raises:
        UserError: They were; the sentence says what differs.
    """
    if differing := disagreements(runs):
        raise UserError(f"runs are not comparable: {'; '.join(differing)}")


def config_differences(runs: Sequence[MeasuredRun]) -> dict[str, list[Any]]:
    """Return the settings that decide results and differ: a value per run by dotted key."""
    configs = [flat(relevant(run.config)) for run in runs]
    keys = sorted({key for config in configs for key in config})
    values = {key: [config.get(key, "absent") for config in configs] for key in keys}
    return {key: many for key, many in values.items() if any(v != many[0] for v in many)}


def _read(folder: Path, label: str) -> MeasuredRun:
    path, wall = folder / "report" / "results.json", folder / "report" / "wall.json"
    config = RunDirectory(folder).config()
    if not path.exists():
        raise UserError(
            f"run {folder} has not been measured; say python -m benchmarks.run run={folder}"
        )
    return MeasuredRun(
        label=label,
        folder=folder,
        config=config,
        results=read_results(path),
        wall_s=read_json(wall)["wall_s"] if wall.exists() else None,
    )
