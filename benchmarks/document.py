"""Keeps README and RESULTS.md equal to `benchmarks/results/`: `python -m benchmarks.document`."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.collect import FOLDER, KeptRun, collect, read_kept
from benchmarks.report import SHEET
from benchmarks.results import Results
from benchmarks.results_page import index, plot, readme_tables, results_page
from benchmarks.tables import number
from distill.command import guarded
from distill.errors import UserError
from distill.storage import write_text

ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "benchmarks" / "RESULTS.md"
DEFAULT, SHIPPED = FOLDER / "quick.json", FOLDER / "shipped.json"
PICTURE = FOLDER / "quick.png"
BEGIN, END = "<!-- results: begin (python -m benchmarks.document) -->", "<!-- results: end -->"


UNMEASURED = """The default run has not been measured on this version: earlier figures stood on a
diffusion that left out the mouth and trembled elsewhere, and are withdrawn. `make run` prints those
of your machine; `python -m benchmarks.document run=DIR` writes them here."""


def block(run: KeptRun | None, shipped: Results | None = None) -> str:
    """Return the part of the README that is made from the default run and the shipped student."""
    if run is None:
        return f"{BEGIN}\n{UNMEASURED}\n{END}"
    results = run.results
    minutes = number(run.wall_s and run.wall_s / 60, 3)
    intro = (
        f"One default run (`budget=quick`, commit `{results.commit}`, data `{results.data_hash}`, "
        f"{results.device}): {minutes} minutes in all, data and measurement included."
    )
    return f"{BEGIN}\n{intro}\n\n{readme_tables(results, shipped)}\n{END}"


def replaced(text: str, new: str) -> str:
    """Return `text` with its marked part replaced.

    Raises:
        UserError: The marks are missing.
    """
    if BEGIN not in text or END not in text:
        raise UserError(f"{README.name} has no part between {BEGIN!r} and {END!r}")
    head, rest = text.split(BEGIN, 1)
    return head + new + rest.split(END, 1)[1]


def current() -> dict[Path, str]:
    """Return what the documents should be, from the kept results."""
    shipped = read_kept(SHIPPED)[0].results if SHIPPED.exists() else None
    default = read_kept(DEFAULT)[0] if DEFAULT.exists() else None
    readme = replaced(README.read_text(encoding="utf-8"), block(default, shipped))
    return {README: readme, PAGE: results_page()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite documents and plots; `run=<dir>` first keeps that run as the default one."""
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> None:
        for word in words:
            key, _, value = word.partition("=")
            if key != "run" or not value:
                raise UserError(f"unknown option {word!r}; did you mean run=<dir>?")
            collect(DEFAULT.stem, [Path(value)])
            shutil.copyfile(Path(value) / "report" / SHEET, PICTURE)
        for entry in index():
            plot(entry, FOLDER)
        for path, text in current().items():
            write_text(path, text)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
