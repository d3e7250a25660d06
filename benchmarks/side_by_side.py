"""Rows of several runs in one table: means, spreads and the best of every column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.results import MetricValue, Results, Row
from benchmarks.tables import MISSING, Table, number

METRICS = (
    "lve", "eve", "fdd_abs", "closure", "diversity",
    "persona_top1_identity", "persona_top1_emotion", "sync_r",
)  # fmt: skip
SHORT = {"persona_top1_identity": "identity", "persona_top1_emotion": "emotion"}
LATENCY, SIZE, STEPS = "latency", "size", "steps"
TEACHER_CALLS, STUDENT_CALLS = CALLS = "teacher", "student"
COST_HEADS = {
    LATENCY: "p50 ms\n1 thread", SIZE: "size\nMB",
    TEACHER_CALLS: "teacher\ncalls", STUDENT_CALLS: "student\ncalls",
}  # fmt: skip
"""What a row costs: to run, to store, and in network calls to train."""
COST_BETTER = {LATENCY: "lower", SIZE: "lower"}
COSTS = {LATENCY: "latency, 1 thread, p50 (ms, log)", STEPS: "sampler steps (log)"}
LEAST_SPREAD = 1e-9
Groups = Mapping[str, Sequence[Results]]
"""Results by label; those under one label differ in their training seed only."""


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """A table and the cells (line, column) that are the best of their column."""

    table: Table
    best: frozenset[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Point:
    """Mean and spread of one figure of one row; over runs where there are several."""

    mean: float
    std: float = 0.0


def side_by_side(
    groups: Groups, *, title: str, rows: Iterable[str] = (), spread: bool = True
) -> SideBySide:
    """Return a line per row and label, the same rows of all labels together.

    Args:
        groups: Results by label.
        title: Title of the table.
        rows: Names of the rows to show; none for all.
        spread: Whether spreads are written behind the means.
    """
    first = next(iter(groups.values()))[0]
    wanted = list(rows) or row_names(groups)
    lines = [
        (name, ", ".join(labels) if len(labels) < max(len(groups), 2) else "all", found)
        for name in wanted
        for labels, found in distinct(groups, name)
    ]
    ids = [m for m in METRICS if any(m in row.metrics for _, _, found in lines for row in found)]
    costs = [c for c in COST_HEADS if any(point(found, c) for *_, found in lines)]
    points = [[point(found, column) for column in (*ids, *costs)] for *_, found in lines]
    nothing = [None] * (len(ids) + len(costs))  # a still face always closes its mouth
    compared = [
        values if any(row.bytes for row in found) else nothing
        for (*_, found), values in zip(lines, points, strict=True)
    ]
    better = [first.formulas.get(name, {}).get("better", "") for name in ids]
    better += [COST_BETTER.get(cost, "") for cost in costs]
    best = {
        (line, column + 2)
        for column, way in enumerate(better)
        for line in best_lines([line[column] for line in compared], way)
    }
    units = [first.formulas.get(name, {}).get("unit", "").removeprefix("1") for name in ids]
    heads = [
        f"{SHORT.get(name, name)}\n{unit}".strip() for name, unit in zip(ids, units, strict=True)
    ]
    body = [
        (name, label, *(written(value, spread) for value in values))
        for (name, label, _), values in zip(lines, points, strict=True)
    ]
    head = ("row", "run", *heads, *(COST_HEADS[cost] for cost in costs))
    return SideBySide(table=Table(title=title, head=head, body=tuple(body)), best=frozenset(best))


def distinct(groups: Groups, name: str) -> list[tuple[list[str], list[Row]]]:
    """Return the labels that have a row, those together whose row is the same in every figure."""
    found: list[tuple[list[str], list[Row]]] = []
    for label, results in groups.items():
        rows = rows_named(results, name)
        same = [labels for labels, others in found if _figures(others) == _figures(rows)]
        if same:
            same[0].append(label)
        elif rows:
            found.append(([label], rows))
    return found


def cost_of(groups: Groups) -> str:
    """Return what plots show errors against: latency, or steps where nothing was timed."""
    timed = any(row.speed for results in groups.values() for one in results for row in one.rows)
    return LATENCY if timed else STEPS


def row_names(groups: Groups) -> list[str]:
    """Return the names of all rows, each once, in order of first appearance."""
    every = [row for results in groups.values() for one in results for row in one.rows]
    return list(dict.fromkeys(row_name(row) for row in every))


def row_name(row: Row) -> str:
    """Return how a row is called: its backend is named unless it is torch or in the name."""
    named = row.backend in ("", "torch") or row.name.endswith(row.backend)
    return row.name if named else f"{row.name} ({row.backend})"


def rows_named(results: Sequence[Results], name: str) -> list[Row]:
    """Return that row of every results file that has it."""
    return [row for one in results for row in one.rows if row_name(row) == name]


def point(rows: Sequence[Row], column: str) -> Point | None:
    """Return a figure of a row: over runs when there are several, else as measured."""
    values = [value for row in rows if (value := _measured(row, column)) is not None]
    means = [value.mean for value in values]
    if not means:
        return None
    if len(means) == 1:
        return values[0]
    return Point(mean=float(np.mean(means)), std=float(np.std(means, ddof=1)))


def best_lines(column: Sequence[Point | None], better: str) -> list[int]:
    """Return which lines share the best mean, as it is written; none where most lines do."""
    means = {line: value.mean for line, value in enumerate(column) if value is not None}
    if not means or better not in ("lower", "higher"):
        return []
    chosen = number((min if better == "lower" else max)(means.values()), 3)
    lines = [line for line, mean in means.items() if number(mean, 3) == chosen]
    return lines if 2 * len(lines) <= len(means) else []


def written(value: Point | None, spread: bool) -> str:
    """Write a figure with three digits and, if wanted, its spread with two."""
    if value is None:
        return MISSING
    mean = number(value.mean, 3)
    varies = value.std > LEAST_SPREAD * abs(value.mean)  # sums of equal numbers differ in rounding
    return f"{mean} ± {number(value.std, 2)}" if spread and varies else mean


def _figures(rows: Sequence[Row]) -> list[Any]:
    return [(row.metrics, row.speed, row.bytes) for row in rows]


def _measured(row: Row, column: str) -> Point | None:
    if column == LATENCY:
        timing = row.speed.threads_1 if row.speed else None
        return None if timing is None else Point(mean=timing.p50_ms)
    if column in CALLS:
        return Point(mean=float(row.calls[column])) if column in row.calls else None
    if column == STEPS:
        return Point(mean=float(row.steps)) if row.steps else None
    if column == SIZE:
        return Point(mean=row.bytes / 1e6) if row.bytes else None
    value: MetricValue | None = row.metrics.get(column)
    return (
        None
        if value is None or value.mean is None
        else Point(mean=value.mean, std=value.std or 0.0)
    )
