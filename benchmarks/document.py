"""Keeps the README's numbers equal to `benchmarks/results/`: `python -m benchmarks.document`."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import SHEET, markdown
from benchmarks.results import Results, read_results
from benchmarks.tables import reach_table, speed_table, summary_table
from distill.errors import UserError
from distill.storage import read_json, write_json, write_text

ROOT = Path(__file__).parents[1]
README, KEPT = ROOT / "README.md", ROOT / "benchmarks" / "results"
RESULTS, PICTURE, WALL = KEPT / "quick.json", KEPT / "quick.png", KEPT / "quick-wall.json"
BEGIN, END = "<!-- results: begin (python -m benchmarks.document) -->", "<!-- results: end -->"


def block(results: Results, wall_s: float) -> str:
    """Return the part of the README that is made from results."""
    tables = [summary_table(results), reach_table(results), speed_table(results)]
    intro = (
        f"One default run (`budget=quick`, commit `{results.commit}`, data `{results.data_hash}`, "
        f"{results.device}): {wall_s / 60:.1f} minutes in all, data and measurement included."
    )
    body = "\n\n".join(markdown(table).replace("## ", "### ", 1) for table in tables)
    return f"{BEGIN}\n{intro}\n\n{body}\n{END}"


def replaced(text: str, new: str) -> str:
    """Return `text` with its marked part replaced.

    Raises:
        UserError: The marks are missing.
    """
    if BEGIN not in text or END not in text:
        raise UserError(f"{README.name} has no part between {BEGIN!r} and {END!r}")
    head, rest = text.split(BEGIN, 1)
    return head + new + rest.split(END, 1)[1]


def current() -> str:
    """Return what the README should be, from the kept results."""
    wall_s = read_json(WALL)["wall_s"]
    return replaced(README.read_text(encoding="utf-8"), block(read_results(RESULTS), wall_s))


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the README; `run=<dir>` keeps the results of that run first."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for word in words:
        key, _, value = word.partition("=")
        if key != "run" or not value:
            sys.stderr.write(f"error: unknown option {word!r}; did you mean run=<dir>?\n")
            return 2
        keep(Path(value))
    write_text(README, current())
    return 0


def keep(run: Path) -> None:
    """Copy a run's results and picture to `benchmarks/results/`."""
    KEPT.mkdir(exist_ok=True)
    shutil.copyfile(run / "report" / "results.json", RESULTS)
    shutil.copyfile(run / "report" / SHEET, PICTURE)
    write_json(WALL, {"wall_s": read_json(run / "report" / "wall.json")["wall_s"]})


if __name__ == "__main__":
    sys.exit(main())
