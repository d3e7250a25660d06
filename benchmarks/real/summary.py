"""Means over real recordings, validation files and reported files apart."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.real.judge import Judged
from benchmarks.screen import rich_table
from benchmarks.tables import Table

KIND = "recordings"
PURPOSES = ("validation", "reported", "all")
SPEECH = ("speech_plain", "speech_aligned")
TARGETS = {
    "sync_r en": (">=", 0.75),
    "sync_lag_ms en": ("within +-", 50.0),
    "mismatched_r en": ("<", 0.3),
    "sync_r zh": (">=", 0.7),
    "sync_lag_ms zh": ("within +-", 50.0),
    "mismatched_r zh": ("<", 0.3),
    "closed": (">=", 0.6),
    "opened": (">=", 0.85),
    "recorded_r facegood": (">=", 0.75),
    "recorded_r grid_s1": (">=", 0.72),
}
"""What the mean over all files of a shipped student should be."""
Means = dict[str, float | int]
"""Means, shares and how many files or labels they rest on, by name."""


def means(rows: Sequence[Judged]) -> dict[str, Means]:
    """Return every mean by purpose and name; NaN where nothing was measured.

    Shares are over all labels, everything else is a mean over files.
    """
    chosen = {
        "validation": [row for row in rows if row.validation],
        "reported": [row for row in rows if not row.validation],
        "all": list(rows),
    }
    return {purpose: _means(chosen[purpose]) for purpose in PURPOSES}


def _means(rows: Sequence[Judged]) -> Means:
    found: Means = {}
    speech = [row for row in rows if row.group in SPEECH]
    for language in ("en", "zh"):
        spoken = [row for row in speech if row.language == language]
        for name in ("sync_r", "sync_lag_ms", "mismatched_r"):
            found[f"{name} {language}"] = _mean(spoken, name)
        found[f"files {language}"] = len(spoken)
    found["closed"] = _share(rows, "closed", "bilabials")
    found["bilabials"] = sum(row.bilabials for row in rows)
    found["bilabial_level"] = _mean(rows, "bilabial_level", "bilabials")
    found["opened"] = _share(rows, "opened", "vowels")
    found["vowels"] = sum(row.vowels for row in rows)
    found["vowel_level"] = _mean(rows, "vowel_level", "vowels")
    for group in ("facegood", "grid_s1"):
        filmed = [row for row in rows if row.group == group]
        for name in ("recorded_r", "recorded_best_r", "recorded_lag_ms", "sync_r"):
            found[f"{name} {group}"] = _mean(filmed, name)
        found[f"files {group}"] = len(filmed)
    return found


def _mean(rows: Sequence[Judged], name: str, weight: str | None = None) -> float:
    """Return the mean of an attribute where it is defined, weighted by another one."""
    values = np.array([getattr(row, name) for row in rows], np.float64)
    weights = np.array([getattr(row, weight) if weight else 1.0 for row in rows], np.float64)
    known = np.isfinite(values)
    return float(np.average(values[known], weights=weights[known])) if known.any() else math.nan


def _share(rows: Sequence[Judged], part: str, whole: str) -> float:
    total = sum(getattr(row, whole) for row in rows)
    return sum(getattr(row, part) for row in rows) / total if total else math.nan


def as_json(rows: Sequence[Judged], silence: dict[str, float]) -> dict[str, Any]:
    """Return plain values; what is not a number becomes null."""
    return {
        "files": [{key: _plain(value) for key, value in vars(row).items()} for row in rows],
        "means": {
            purpose: {key: _plain(value) for key, value in values.items()}
            for purpose, values in means(rows).items()
        },
        "silence": silence,
    }


def from_json(value: Mapping[str, Any]) -> list[Judged]:
    """Return the rows that `as_json` wrote."""
    rows = [{key: _number(found) for key, found in row.items()} for row in value["files"]]
    return [Judged(**row) for row in rows]


def mean_table(rows: Sequence[Judged]) -> Table:
    """Return every mean, and whether that of all files is what it should be."""
    found = means(rows)
    body = [
        (name, *_against(name, found["all"][name]), *(_text(found[p][name]) for p in PURPOSES))
        for name in found["all"]
    ]
    return Table(
        title="Means over real recordings",
        head=("mean", "target", "reached", *PURPOSES),
        body=tuple(body),
    )


def file_table(rows: Sequence[Judged]) -> Table:
    """Return a line per file."""
    body = [
        (
            f"{row.group}/{row.name}",
            f"{row.language} {'val' if row.validation else 'rep'}",
            f"{row.seconds:.1f}",
            *(_text(v) for v in (row.sync_r, row.sync_lag_ms, row.mismatched_r)),
            f"{row.closed}/{row.bilabials}" if row.bilabials else "",
            f"{row.opened}/{row.vowels}" if row.vowels else "",
            *(_text(v) for v in (row.recorded_r, row.recorded_lag_ms)),
        )
        for row in rows
    ]
    head = (
        "file", "use", "s", "sync_r", "lag ms", "mism.", "closed", "open", "video r", "lag ms",
    )  # fmt: skip
    return Table(title="Every real recording", head=head, body=tuple(body))


def silence_line(silence: Mapping[str, float]) -> str:
    """Return what the mouth does on silence."""
    return "silence: " + ", ".join(f"{key} {value:.2f}" for key, value in silence.items())


def show(rows: Sequence[Judged], silence: dict[str, float], console: Console) -> None:
    """Print a table of files and a table of means."""
    console.print(rich_table(file_table(rows)))
    console.print(rich_table(mean_table(rows)))
    console.print(silence_line(silence))


def _against(name: str, value: float | int) -> tuple[str, str]:
    if name not in TARGETS:
        return "", ""
    way, limit = TARGETS[name]
    if math.isnan(value):
        return f"{way} {limit:g}", ""
    held = {">=": value >= limit, "<": value < limit, "within +-": abs(value) <= limit}
    return f"{way} {limit:g}", "yes" if held[way] else "no"


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    return math.nan if value is None else value


def _text(value: float | int) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if math.isnan(value) else f"{value:.2f}"
