"""The Pareto plot: lip error against latency, point size by file size."""

from pathlib import Path
from typing import Any

from benchmarks.results import Results, Row, mean_of
from distill.storage import atomic_path

COLOURS = {"teacher": "#b5473c", "student": "#2f6f9f", "regression": "#6b8f3a"}


def plot_pareto(results: Results, path: Path) -> Path:
    """Draw the plot from results alone; rows without a model are named in a note."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 5.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = [row for row in results.rows if _latency_ms(row) and mean_of(row, "lve") is not None]
    for row in points:
        _draw_point(axes, row)
    _label_points(axes, points)
    axes.set_xscale("log")
    axes.margins(x=0.2, y=0.3)
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    plain_ticks(axes.xaxis)
    _note_still_faces(axes, results)
    seconds = results.protocol.get("audio_s", 10)
    axes.set_xlabel(f"latency for {seconds:g} s of audio, 1 thread, p50 (ms, log; left is better)")
    axes.set_ylabel(f"LVE ({_unit(results)}, test split; lower is better)")
    axes.set_title(f"{results.run}: lip error against latency, area = bytes", fontsize=11)
    axes.grid(True, which="both", color="0.92", zorder=0)
    with atomic_path(Path(path)) as temporary:
        figure.savefig(temporary, format="png")
    return Path(path)


def _draw_point(axes, row: Row) -> None:
    value = row.metrics["lve"]
    x, size = _latency_ms(row), max(25.0, 12 * row.bytes / 1e6)
    colour = COLOURS.get(row.name.split("-")[0], "#7a5c99")
    axes.errorbar(x, value.mean, yerr=value.std or 0, color=colour, capsize=3, zorder=2)
    axes.scatter([x], [value.mean], s=size, color=colour, alpha=0.55, edgecolor="white", zorder=3)
    axes.scatter([x], [value.mean], s=8, color=colour, zorder=4)


def _label_points(axes, points: list[Row]) -> None:
    """Label points in order of latency, alternately above and below; regression on its left."""
    ordered = sorted(points, key=lambda row: (row.name == "regression", _latency_ms(row) or 0))
    for index, row in enumerate(ordered):
        backend = "" if row.backend == "torch" else f" {row.backend}"
        text = f"{row.name}{backend}\n{row.bytes / 1e6:.3g} MB"
        away = max(5.0, (12 * row.bytes / 1e6) ** 0.5 / 2) + 2
        value, spread = row.metrics["lve"].mean or 0.0, row.metrics["lve"].std or 0.0
        y, offset, ha, va = value + spread, (0, away), "center", "bottom"
        if row.name == "regression":
            y, offset, ha, va = value, (-away, 0), "right", "center"
        elif index % 2:
            y, offset, ha, va = value - spread, (0, -away), "center", "top"
        axes.annotate(
            text, (_latency_ms(row), y), textcoords="offset points",
            xytext=offset, ha=ha, va=va, fontsize=8, zorder=5,
        )  # fmt: skip


def _note_still_faces(axes, results: Results) -> None:
    """Say what the rows without a model reach; they lie far above the models."""
    still = {row.name: mean_of(row, "lve") for row in results.rows if not row.bytes}
    words = [f"{name}: {level:.3g}" for name, level in still.items() if level is not None]
    axes.text(
        0.99, 0.98, "without a model  " + ",  ".join(words) if words else "",
        transform=axes.transAxes, ha="right", va="top", fontsize=9, color="0.4",
    )  # fmt: skip


def plain_ticks(axis: Any) -> None:
    """Write the ticks of a logarithmic axis as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    plain = ScalarFormatter()
    plain.set_scientific(False)
    axis.set_major_formatter(plain)
    axis.set_minor_formatter(NullFormatter())


def _latency_ms(row: Row) -> float | None:
    timing = row.speed and row.speed.threads_1
    return timing.p50_ms if timing else None


def _unit(results: Results) -> str:
    units = [row.metrics["lve"].unit for row in results.rows if "lve" in row.metrics]
    return units[0] if units else ""
