"""Draws the comparison dashboard of a W&B project: `python -m benchmarks.dashboard`.

The dashboard is a W&B report written as code: quality against latency of every published run,
their comparison tables, what differs between their configs, and the training curves. It needs a
key; runs logged without one wait on disk and are uploaded by `wandb sync`.
"""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import STUDENT, TEACHER
from benchmarks.side_by_side import LATENCY, SIZE
from distill.command import guarded
from distill.errors import UserError
from distill.training.loggers import PROJECT, has_wandb_key

SHOWN = (
    "jitter_brows", "jitter_head", "spread_brows", "spread_head", "blinks_per_min", "fmd",
    "fmd_velocity", "coverage", "match_mouth", "match_head", "lve_mean8", "lve", "closure",
    LATENCY, SIZE,
)  # fmt: skip
NOT_OF_TEACHERS = ("match_mouth", "match_head")
ROWS = (TEACHER, STUDENT)
SWEPT = ("student", "distill.weights.pc", "distill.weights.gt", "distill.weights.ae")


def dashboard(entity: str, project: str) -> Any:
    """Return the report, not yet saved.

    Args:
        entity: User or team that owns the project.
        project: Project that the runs were logged to.
    """
    wr: Any = importlib.import_module("wandb_workspaces.reports.v2")

    def figure(column: str, row: str = STUDENT) -> Any:
        return wr.SummaryMetric(f"{row}/{column}")

    def runs(name: str, filters: str) -> Any:
        return wr.Runset(entity=entity, project=project, name=name, filters=filters)

    columns = [wr.ParallelCoordinatesPlotColumn(metric=wr.Config(key)) for key in SWEPT]
    columns += [wr.ParallelCoordinatesPlotColumn(metric=figure("lve_mean8"))]
    quality = [
        wr.ScatterPlot(title="LVE against latency", x=figure(LATENCY), y=figure("lve"), log_x=True),
        *(
            wr.BarPlot(title=name, metrics=[figure(name, row) for row in rows], orientation="h")
            for name in SHOWN
            for rows in [(STUDENT,) if name in NOT_OF_TEACHERS else ROWS]
        ),
        wr.WeavePanelSummaryTable(table_name="pareto"),
        wr.WeavePanelSummaryTable(table_name="comparison"),
        wr.MediaBrowser(media_keys=["pareto_plot"]),
        wr.ParallelCoordinatesPlot(title="Swept settings", columns=columns),
        wr.RunComparer(diff_only="split"),
    ]
    step = "trainer/global_step"
    curves = [
        wr.LinePlot(title=name, x=step, y=[name], log_y=True, groupby="JobType")
        for name in ("train/loss", "val/loss", "val/motion_ratio")
    ]
    return wr.Report(
        entity=entity,
        project=project,
        title="Teachers and students side by side",
        width="fluid",
        blocks=[
            wr.H2("Measured runs"),
            wr.PanelGrid(runsets=[runs("reports", "JobType = 'report'")], panels=quality),
            wr.H2("Training"),
            wr.PanelGrid(runsets=[runs("stages", "JobType != 'report'")], panels=curves),
        ],
    )


def require_online(waiting: Sequence[Path]) -> None:
    """Refuse to draw without the package or a key.

    Raises:
        UserError: One is missing; the sentence names it and what waits to be synced.
    """
    if importlib.util.find_spec("wandb_workspaces") is None:
        raise UserError('the dashboard needs the wandb extra; pip install "facedistill[wandb]"')
    if not has_wandb_key():
        sync = f", wandb sync {' '.join(map(str, waiting))}" if waiting else ""
        raise UserError(
            f"there is no W&B key, so no dashboard was drawn; wandb login{sync} and say this again"
        )


def offline_runs(folder: Path) -> list[Path]:
    """Return the runs under a folder that were logged without a key and not uploaded yet."""
    found = sorted(folder.rglob("wandb/offline-run-*"))
    return [run for run in found if run.is_dir() and not list(run.glob("*.synced"))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are written")
    parser.add_argument("--entity", default=os.environ.get("WANDB_ENTITY"), help="user or team")
    parser.add_argument("--project", default=os.environ.get("WANDB_PROJECT", PROJECT))
    given = parser.parse_args(arguments)

    def work() -> None:
        require_online(offline_runs(given.runs))
        import wandb

        entity = given.entity or str(wandb.Api().default_entity)
        report = dashboard(entity, given.project).save()
        sys.stdout.write(f"{report.url}\n")

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
