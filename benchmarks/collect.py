"""Keeps measured runs for the documents: `python -m benchmarks.collect NAME runs/a runs/b ...`.

Writes the parts of their results that tables and plots need to `benchmarks/results/NAME.json`,
each with the command and commit behind it. Runs that differ in their seed only become one line
with a spread over runs.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.compared import MeasuredRun, read_runs, require_comparable
from benchmarks.results import Results, parse, to_json
from benchmarks.side_by_side import METRICS, Groups
from distill.command import composed, config_folder, guarded, options
from distill.errors import UserError
from distill.pipeline.runs import flat, relevant
from distill.storage import content_hash, read_json, write_json

FOLDER = Path(__file__).parent / "results"
KIND = "runs"
NAMED_GROUPS = ("teacher", "student", "data", "rig", "audio", "budget")
SHOWN_KEYS = 3
Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class KeptRun:
    """A run as it is kept: how it is called, how it was made, what it reached."""

    label: str
    seed: int
    command: str
    wall_s: float | None
    results: Results


def collect(name: str, folders: Sequence[Path], into: Path = FOLDER) -> Path:
    """Write `into/NAME.json` from measured runs and return its path.

    Raises:
        UserError: Runs differ in data, rig or protocol, or one config and seed is given twice.
    """
    runs = read_runs(folders)
    require_comparable(runs)
    labels = labels_of([run.config for run in runs])
    seeded = [(label, run.config["seed"]) for label, run in zip(labels, runs, strict=True)]
    if len(set(seeded)) < len(seeded):
        twice = next(pair for pair in seeded if seeded.count(pair) > 1)
        raise UserError(f"config {twice[0]!r} is given twice with seed {twice[1]}; give it once")
    kept = [_keep(run, label) for run, label in zip(runs, labels, strict=True)]
    path = into / f"{name}.json"
    write_json(path, {"kind": KIND, "name": name, "runs": kept})
    return path


def read_kept(path: Path) -> list[KeptRun]:
    """Read what `collect` wrote."""
    runs = read_json(path)["runs"]
    return [KeptRun(**{**run, "results": parse(run["results"], str(path))}) for run in runs]


def groups_of(kept: Sequence[KeptRun]) -> Groups:
    """Return results by label."""
    labels = dict.fromkeys(run.label for run in kept)
    return {label: [run.results for run in kept if run.label == label] for label in labels}


def labels_of(configs: Sequence[Settings]) -> list[str]:
    """Name each config by the settings in which they differ; seeds are none.

    A group that is named differently (`student=tiny`) stands for all its settings, unless two
    configs would then be called alike. Up to two settings name everybody; with more, the first
    config is the `reference` and the others are named by what they change of it.
    """
    plain = [_settings(config) for config in configs]
    hashes = [content_hash(settings) for settings in plain]
    for names_stand in (True, False):
        labels = _labels(plain, names_stand)
        if len(set(zip(labels, hashes, strict=True))) == len(set(labels)):
            break
    return labels


def command_of(config: Settings) -> str:
    """Return a command that runs a config: named groups, then what still differs from defaults.

    Absolute paths are left to the reader.
    """
    default = composed([])
    words = [
        f"{group}={config[group]['name']}"
        for group in NAMED_GROUPS
        if config.get(group, {}).get("name") != default[group]["name"]
        and config.get(group, {}).get("name") in options(config_folder(), group)
    ]
    wanted = {k: v for k, v in flat(relevant(config)).items() if not k.endswith(".name")}
    while True:  # a word may move what follows it: `seed` does `data.seed`
        base = flat(relevant(composed(words, strict=False)))
        said = {word.partition("=")[0].removeprefix("+") for word in words}
        missed = [k for k, v in wanted.items() if base.get(k, ...) != v and k not in said]
        if not missed:
            break
        words += [f"{'' if k in base else '+'}{k}={_word(wanted[k])}" for k in missed]
    return shlex.join(["python", "-m", "distill.run", *words])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collect", description=__doc__)
    parser.add_argument("name", help="name of the set, as in benchmarks/results/index.json")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of measured runs")
    given = parser.parse_args(arguments)
    return guarded(lambda: sys.stdout.write(f"{collect(given.name, given.runs)}\n"))


def _keep(run: MeasuredRun, label: str) -> dict[str, Any]:
    results = run.results
    rows = [replace(row, metrics=_needed(row.metrics), metrics_unseen={}) for row in results.rows]
    recorded = {k: _needed(v) for k, v in results.recorded.items() if k == "test"}
    results = replace(results, rows=rows, recorded=recorded, formulas=_needed(results.formulas))
    return {
        "label": label,
        "seed": run.config["seed"],
        "command": command_of(run.config),
        "wall_s": run.wall_s,
        "results": to_json(results),
    }


def _needed(by_metric: Mapping[str, Any]) -> dict[str, Any]:
    return {name: by_metric[name] for name in METRICS if name in by_metric}


def _settings(config: Settings) -> dict[str, Any]:
    plain = flat(relevant(config))
    return {key: value for key, value in plain.items() if key.rpartition(".")[2] != "seed"}


def _labels(plain: Sequence[Settings], names_stand: bool) -> list[str]:
    changed = _changed(plain, names_stand)
    if len(changed) <= 2:
        return [_words(settings, changed) or "reference" for settings in plain]
    pairs = [(settings, _changed([plain[0], settings], names_stand)) for settings in plain]
    return [_words(settings, keys) or "reference" for settings, keys in pairs]


def _changed(plain: Sequence[Settings], names_stand: bool) -> list[str]:
    """Return the keys whose values differ, the names of groups first."""
    keys = dict.fromkeys(key for settings in plain for key in settings)
    found = [k for k in keys if any(s.get(k, ...) != plain[0].get(k, ...) for s in plain)]
    names = [key for key in found if key.count(".") == 1 and key.endswith(".name")]
    groups = {key.partition(".")[0] for key in names} if names_stand else set()
    return names + [k for k in found if k not in names and k.partition(".")[0] not in groups]


def _words(settings: Settings, keys: Sequence[str]) -> str:
    words = [f"{key.removesuffix('.name')}={_word(settings.get(key))}" for key in keys]
    more = [f"and {len(words) - SHOWN_KEYS} more"] if len(words) > SHOWN_KEYS else []
    return ", ".join([*words[:SHOWN_KEYS], *more])


def _word(value: Any) -> str:
    if isinstance(value, str) and value.startswith("/"):
        return "..."
    return "null" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
