"""Compares measured runs: `python -m benchmarks.compare runs/a runs/b [--out compare.html]`.

Prints one table of all rows and writes one page that needs nothing but itself: tables, plots,
differences of the configs, videos and cards.
"""

import argparse
import base64
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.compared import (
    MeasuredRun,
    config_differences,
    disagreements,
    read_runs,
    require_comparable,
)
from benchmarks.figures import draw_curves, draw_pareto
from benchmarks.report import SHEET, VIDEO
from benchmarks.screen import console, rich_table
from benchmarks.side_by_side import SideBySide, cost_of, side_by_side
from benchmarks.tables import MISSING, Table, formula_table, number
from distill.artifact import CARD
from distill.command import guarded
from distill.drawing import svg
from distill.storage import write_text

TEMPLATE = Path(__file__).parent / "compare.html.j2"
PARETO_IN, CURVE_IN = (4.8, 3.6), (4.0, 2.8)
DIGEST_SHOWN = 12


def comparison(runs: Sequence[MeasuredRun], *, spread: bool = True) -> list[SideBySide]:
    """Return the tables of all rows of all runs, test split."""
    first = runs[0].results
    where = f"test split, {first.splits.get('test', 0)} clips, data {first.data_hash}"
    return side_by_side({run.label: [run.results] for run in runs}, where=where, spread=spread)


def fact_table(runs: Sequence[MeasuredRun]) -> Table:
    """Return where each run comes from: commit, hashes, device, duration."""
    facts = {
        "commit": [run.results.commit or "unknown" for run in runs],
        "config": [run.results.config_hash for run in runs],
        "data": [run.results.data_hash for run in runs],
        "rig": [str(run.config["rig"]["name"]) for run in runs],
        "training seed": [str(run.config["seed"]) for run in runs],
        "sampling seeds": [str(run.results.protocol.get("seeds", MISSING)) for run in runs],
        "device": [run.results.device for run in runs],
        "matmul GFLOP/s, 1 thread": [
            number(run.results.reference.get("matmul_gflops_1t")) for run in runs
        ],
        "whole run, minutes": [number(run.wall_s and run.wall_s / 60, 3) for run in runs],
    }
    body = tuple((name, *values) for name, values in facts.items())
    return Table(title="Runs", head=("", *(run.label for run in runs)), body=body)


def config_table(runs: Sequence[MeasuredRun]) -> Table:
    """Return the settings that differ."""
    body = [(key, *map(str, values)) for key, values in config_differences(runs).items()]
    head = ("setting", *(run.label for run in runs))
    return Table(title="Settings that differ", head=head, body=tuple(body))


def page(runs: Sequence[MeasuredRun]) -> str:
    """Return the comparison as one HTML page without any link to load."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    groups = {run.label: [run.results] for run in runs}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        runs=runs,
        differing=disagreements(runs),
        comparison=comparison(runs),
        facts=fact_table(runs),
        settings=config_table(runs),
        formulas=formula_table(runs[0].results),
        cost=cost_of(groups),
        pareto=svg(partial(draw_pareto, groups=groups), size_in=PARETO_IN, name="pareto"),
        curves=curve_plots(runs),
        videos=[(run.label, video(run)) for run in runs],
        cards=[(run.label, cards(run)) for run in runs],
    )


def curve_plots(runs: Sequence[MeasuredRun]) -> list[tuple[str, str]]:
    """Return the plot of every stage that any run has logged, by name."""
    plots = []
    for stage in dict.fromkeys(stage for run in runs for stage in run.stages()):
        curves = {run.label: run.curves(stage) for run in runs if run.curves(stage)}
        plots.append(
            (stage, svg(partial(draw_curves, curves=curves), size_in=CURVE_IN, name=stage))
        )
    return plots


def video(run: MeasuredRun) -> dict[str, str] | None:
    """Return the run's comparison video, or its picture, as a data address."""
    for name, kind in ((VIDEO, "video/mp4"), (SHEET, "image/png")):
        path = run.folder / "report" / name
        if path.exists():
            data = base64.b64encode(path.read_bytes()).decode()
            return {"kind": kind.partition("/")[0], "address": f"data:{kind};base64,{data}"}
    return None


def cards(run: MeasuredRun) -> list[dict[str, Any]]:
    """Return name, digest and card of every model of a run; pictures in cards are left out."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    from distill.pipeline.runs import RunDirectory

    render = MarkdownIt("js-default").disable("image").render
    found = []
    for path in sorted(run.folder.glob(f"*/{CARD}")):
        stage = RunDirectory(run.folder).stage(path.parent.name)
        digest = stage.manifest().get("sha256", MISSING) if stage.complete else MISSING
        text = Markup(render(path.read_text(encoding="utf-8")))  # html in cards is escaped
        found.append({"name": stage.name, "digest": digest[:DIGEST_SHOWN], "html": text})
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of measured runs")
    parser.add_argument("--out", type=Path, default=Path("compare.html"), help="page to write")
    parser.add_argument("--force", action="store_true", help="compare what is not comparable")
    given = parser.parse_args(arguments)

    def work() -> None:
        runs = read_runs(given.runs)
        if not given.force:
            require_comparable(runs)
        screen = console()
        for shown in comparison(runs, spread=False):
            screen.print(rich_table(shown.table, shown.best))
        write_text(given.out, page(runs))
        screen.print(f"page: {given.out}", highlight=False)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
