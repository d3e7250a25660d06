"""Measures a finished run again: `python -m benchmarks.run run=<dir>`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill.errors import UserError

USAGE = """python -m benchmarks.run run=<dir> [seeds=3] [speed=true] [video=true]

Measures the models of a run directory and rewrites its report folder.
  run     directory that python -m distill.run has written
  seeds   seeds per clip of the rows that sample
  speed   measure latency too, each model in a process of its own
  video   render teacher and student side by side"""

DEFAULTS: dict[str, Any] = {"run": None, "seeds": 3, "speed": True, "video": True}


def measure_run(
    run_dir: Path,
    *,
    seeds: int = 3,
    speed: bool = True,
    speed_s: float = 8.0,
    video: bool = True,
    max_clips: int | None = None,
    progress: Any = None,
) -> dict[str, Any]:
    """Measure a run and write `report/` with results, page, plot and comparison video.

    Args:
        run_dir: A finished run.
        seeds: Seeds per clip of the rows that sample.
        speed: Whether to time the models.
        speed_s: Seconds of timing per model and thread count.
        video: Whether to render the comparison.
        max_clips: Measure only this many clips per split.
        progress: The run's `distill.training.progress.Progress`; a new one by default.

    Returns:
        The content of `report/results.json`.

    Raises:
        UserError: The directory is not a finished run.
    """
    from benchmarks.measure import measure_opened
    from benchmarks.report import write_report
    from benchmarks.results import write_results

    run_dir = Path(run_dir)
    if not run_dir.is_dir():
        raise UserError(f"run directory {run_dir} does not exist; give run=<dir> of a finished run")
    from benchmarks.progress import Reporter
    from benchmarks.video import compare_run
    from distill.pipeline.opened import open_run
    from distill.training.progress import Progress

    opened, report = open_run(run_dir), run_dir / "report"
    with Reporter(progress or Progress()) as reporter:
        results = measure_opened(
            opened,
            name=run_dir.resolve().name,
            seeds=range(seeds),
            speed_s=speed_s if speed else None,
            max_clips=max_clips,
            progress=reporter,
        )
        value = write_results(report / "results.json", results)
        if video:
            compare_run(opened, report)
        write_report(report / "results.json")
    return value


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Return options from `key=value` words.

    Raises:
        UserError: An unknown key (names the nearest), a bad value, or no run.
    """
    from difflib import get_close_matches

    found = dict(DEFAULTS)
    for word in arguments:
        key, equals, text = word.partition("=")
        if not equals or key not in DEFAULTS:
            near = get_close_matches(key, DEFAULTS, n=1, cutoff=0) or ["run"]
            raise UserError(f"unknown option {word!r}; did you mean {near[0]}=...?")
        found[key] = _value(key, text)
    if not found["run"]:
        raise UserError("no run given; say run=<dir>, a directory python -m distill.run has made")
    return found


def _value(key: str, text: str) -> Any:
    if key == "run":
        return Path(text) if text else None
    if key == "seeds":
        if not text.isdigit() or not 1 <= int(text) <= 100:
            raise UserError(f"seeds={text} is not a whole number from 1 to 100")
        return int(text)
    if text.lower() not in ("true", "false"):
        raise UserError(f"{key}={text} is neither true nor false")
    return text.lower() == "true"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, 2 for a mistake of the user."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(words):
        sys.stdout.write(USAGE + "\n")
        return 0
    try:
        options = parse_arguments(words)
        value = measure_run(options.pop("run"), **options)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    from benchmarks.results import parse
    from benchmarks.screen import show

    show(parse(value))
    return 0


if __name__ == "__main__":
    sys.exit(main())
