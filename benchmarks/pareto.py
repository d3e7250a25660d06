"""The Pareto plot: lip error against latency, point size by file size."""

from pathlib import Path

from benchmarks.results import Results, Row, mean_of
from distill.storage import atomic_path

COLOURS = {"teacher": "#b5473c", "student": "#2f6f9f", "regression": "#6b8f3a"}


def plot_pareto(results: Results, path: Path) -> Path:
    """Draw the plot from results alone; rows without a model are dashed lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 5.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = [row for row in results.rows if _latency_ms(row) and mean_of(row, "lve") is not None]
    for row in points:
        _draw_point(axes, row)
    _label_points(axes, points)
    for row in results.rows:
        level = mean_of(row, "lve")
        if not row.bytes and level is not None:
            axes.axhline(level, color="0.6", linestyle="--", linewidth=1, zorder=1)
            axes.annotate(
                row.name, (0.995, level), xycoords=("axes fraction", "data"), ha="right",
                va="bottom", color="0.4", fontsize=9,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.18, y=0.15)
    _plain_ticks(axes)
    seconds = results.protocol.get("audio_s", 10)
    axes.set_xlabel(f"latency for {seconds:g} s of audio, 1 thread, p50 (ms, log; left is better)")
    axes.set_ylabel(f"LVE ({_unit(results)}, test split, log; lower is better)")
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
    """Label points in order of latency, alternately above and below so that labels stay apart."""
    ordered = sorted(points, key=lambda row: _latency_ms(row) or 0)
    for index, row in enumerate(ordered):
        backend = "" if row.backend == "torch" else f" {row.backend}"
        text = f"{row.name}{backend}\n{row.bytes / 1e6:.3g} MB"
        radius = max(5.0, (12 * row.bytes / 1e6) ** 0.5 / 2)
        up = index % 2 == 0
        axes.annotate(
            text, (_latency_ms(row), row.metrics["lve"].mean), textcoords="offset points",
            xytext=(0, (radius + 6) * (1 if up else -1)), ha="center",
            va="bottom" if up else "top", fontsize=8, zorder=5,
        )  # fmt: skip


def _plain_ticks(axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    for axis in (axes.xaxis, axes.yaxis):
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
