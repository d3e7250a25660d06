"""Plots of several runs."""

import re
from collections.abc import Mapping
from typing import Any

from benchmarks.pareto import plain_ticks
from benchmarks.side_by_side import (
    COSTS,
    LATENCY,
    STEPS,
    Groups,
    cost_of,
    point,
    row_names,
    rows_named,
)
from distill.drawing import finish

PALETTE = (
    "#2f7fc1", "#d0663a", "#4b9b56", "#9b6bc7", "#b8952d", "#c2578a", "#3f9d9d", "#808080",
    "#8c3b2e", "#5b6bd6", "#7d8f2a", "#b04fc4",
)  # fmt: skip
STUDENT_ROWS = "student-"
MARKERS = {"safetensors-fp16": "s", "onnx": "D", "onnx-int8": "^"}
"""Of exported forms; all else is a dot."""
ASIDE = 1.06
"""Share by which labels stand beside each other on a logarithmic axis."""
Curves = Mapping[str, Mapping[str, tuple[list[float], list[float]]]]
"""Steps and values by run and metric."""


def draw_pareto(axes: Any, groups: Groups, rows: list[str] | None = None) -> None:
    """Draw lip error against latency, or against sampler steps where nothing was timed.

    A colour per label, a marker per exported form, students of one form on a line and named by
    their steps; what all labels share is drawn once. Against steps, labels stand side by side and
    only rows that are no students are named.
    """
    cost, shared, ticks, forms = cost_of(groups), set(), set[float](), set[str]()
    for number, (label, results) in enumerate(groups.items()):
        aside = ASIDE ** (number - (len(groups) - 1) / 2) if cost == STEPS else 1.0
        lines: dict[str, list[tuple[float, Any, str]]] = {"": []}
        for name in rows or row_names(groups):
            several = rows_named(results, name)
            paid, error = point(several, cost), point(several, "lve")
            if paid is None or error is None or (paid.mean, error.mean, name) in shared:
                continue
            shared.add((paid.mean, error.mean, name))
            ticks.add(paid.mean)
            steps, form = student_of(name)
            lines.setdefault(form if steps else name, []).append(
                (paid.mean * aside, error, (steps if cost == LATENCY else "") if steps else name)
            )
        forms |= lines.keys() & MARKERS.keys()
        _draw_lines(axes, lines, PALETTE[number % len(PALETTE)], label, 1 if number % 2 else -1)
    for form in sorted(forms):
        axes.plot([], [], MARKERS[form], markersize=5, color="grey", label=form)
    axes.set_xscale("log")
    axes.margins(x=0.1, y=0.15)
    axes.set(xlabel=COSTS[cost], ylabel="LVE (bars: spread)")
    if cost == STEPS:
        axes.set_xticks(sorted(ticks), [f"{x:g}" for x in sorted(ticks)])
        axes.minorticks_off()
    else:
        plain_ticks(axes.xaxis)
    finish(axes)


def student_of(name: str) -> tuple[str, str]:
    """Return steps and exported form of a student's row, both empty for others."""
    found = re.fullmatch(rf"{STUDENT_ROWS}(\d+)-?(.*)", name)
    return (found[1], found[2]) if found else ("", "")


def _draw_lines(axes: Any, lines: Mapping[str, Any], colour: str, label: str, side: int) -> None:
    for form, points in lines.items():
        marker = MARKERS.get(form, "o")
        axes.errorbar(
            [x for x, *_ in points], [y.mean for _, y, _ in points],
            yerr=[y.std for _, y, _ in points], fmt=marker, markersize=5, capsize=2, color=colour,
            label=None if form else label,
        )  # fmt: skip
        ordered = sorted((x, y.mean) for x, y, _ in points)
        axes.plot(*zip(*ordered, strict=True), color=colour, linewidth=1, alpha=0.5)
        for x, y, text in points:
            if marker == "o":
                axes.annotate(
                    text, (x, y.mean + side * y.std), textcoords="offset points",
                    xytext=(0, 6 * side), ha="center", va="bottom" if side > 0 else "top",
                    fontsize=8.5, color=colour,
                )  # fmt: skip


def draw_curves(axes: Any, curves: Curves) -> None:
    """Draw the training loss of a stage as lines and its validation loss as dots."""
    for number, (label, metrics) in enumerate(curves.items()):
        colour = PALETTE[number % len(PALETTE)]
        if "train/loss" in metrics:
            steps, values = metrics["train/loss"]
            axes.plot(steps, values, color=colour, linewidth=1, alpha=0.8, label=label)
        if "val/loss" in metrics:
            axes.plot(*metrics["val/loss"], "o", color=colour, markersize=4)
    axes.set(xlabel="update", ylabel="loss")
    axes.set_yscale("log")
    plain_ticks(axes.yaxis)
    finish(axes)
