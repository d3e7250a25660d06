"""Rows of several runs in one table: means, spreads and the best of every column."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.results import MetricValue, Results, Row, recorded_mean
from benchmarks.tables import (
    ALIKE,
    BLIND,
    COUNTED,
    MATCH,
    MATCHED,
    MISSING,
    MOTION,
    RECORDED,
    SEEN,
    Table,
    number,
)
from distill.face.parts import PARTS

LIP_METRICS = (
    "lve_mean8", "lve", "eve", "fdd_abs", "closure", "diversity",
    "persona_top1_identity", "persona_top1_emotion", "sync_r",
)  # fmt: skip
LIPS = "Lips, personas and cost"
TABLES: Mapping[str, tuple[Sequence[str], str]] = {
    "Motion": (MOTION, SEEN),
    "Blinks and distribution": (ALIKE, COUNTED),
    "Distance to the teacher": (MATCH, MATCHED),
    LIPS: (LIP_METRICS, BLIND),
}
"""Metrics of each table and how to read it, by title."""
METRICS = tuple(metric for metrics, _ in TABLES.values() for metric in metrics)
"""Everything that is kept of a run for the documents."""
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
NEARNESS: Mapping[str, Callable[[float], float]] = {
    "lower": lambda mean: mean,
    "higher": lambda mean: -mean,
    "one": lambda mean: abs(mean - 1.0),
}
"""What is least for the best mean, by which way is better."""
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
    groups: Groups, *, where: str, rows: Iterable[str] = (), spread: bool = True
) -> list[SideBySide]:
    """Return tables with a line per row and label, the same rows of all labels together.

    Args:
        groups: Results by label.
        where: What was measured, for the titles.
        rows: Names of the rows to show; none for all.
        spread: Whether spreads are written behind the means.
    """
    wanted = list(rows) or row_names(groups)
    found = [
        _one_table(groups, f"{title}: {where}", wanted, metrics, note, spread, title == LIPS)
        for title, (metrics, note) in TABLES.items()
    ]
    return [table for table in found if table is not None]


def _one_table(
    groups: Groups, title: str, rows: Sequence[str], metrics: Sequence[str], note: str,
    spread: bool, costs: bool,
) -> SideBySide | None:  # fmt: skip
    """Return one table of some metrics; None where no row has any of them."""
    first = next(iter(groups.values()))[0]
    columns = (*metrics, *COST_HEADS) if costs else metrics
    lines = [
        (name, ", ".join(labels) if len(labels) < max(len(groups), 2) else "all", found)
        for name in rows
        for labels, found in distinct(groups, name, columns)
    ]
    ids = [m for m in metrics if any(point(found, m) for *_, found in lines)]
    if not ids and not costs:
        return None
    paid = [c for c in COST_HEADS if costs and any(point(found, c) for *_, found in lines)]
    points = [[point(found, column) for column in (*ids, *paid)] for *_, found in lines]
    kept = [k for k, values in enumerate(points) if any(value is not None for value in values)]
    lines, points = [lines[k] for k in kept], [points[k] for k in kept]
    models = [any(row.bytes for row in found) for *_, found in lines]
    better = [first.formulas.get(name, {}).get("better", "") for name in ids]
    better += [COST_BETTER.get(cost, "") for cost in paid]
    body = [
        (name, label, *(written(value, spread) for value in values))
        for (name, label, _), values in zip(lines, points, strict=True)
    ]
    if metrics != MATCH and (real := _recorded(groups, ids)):
        body.append((RECORDED, "all", *real, *[MISSING] * len(paid)))
    head = ("row", "run", *(_head(first, name) for name in ids), *(COST_HEADS[c] for c in paid))
    table = Table(title=title, head=head, body=tuple(body), note=note)
    return SideBySide(table=table, best=frozenset(_best_cells(points, models, better)))


def _best_cells(
    points: Sequence[Sequence[Point | None]], models: Sequence[bool], better: Sequence[str]
) -> set[tuple[int, int]]:
    """Return the cells with the best figures among models: a still face always closes its mouth."""
    compared = [
        values if model else [None] * len(better)
        for values, model in zip(points, models, strict=True)
    ]
    return {
        (line, column + 2)
        for column, way in enumerate(better)
        for line in best_lines([values[column] for values in compared], way)
    }


def _head(results: Results, metric: str) -> str:
    """Return the head of a column: the metric, shortened, over its unit or its part."""
    kind, _, part = metric.partition("_")
    if part in PARTS:
        return f"{kind}\n{part}"
    unit = results.formulas.get(metric, {}).get("unit", "").removeprefix("1")
    return f"{SHORT.get(metric, metric)}\n{unit}".strip()


def _recorded(groups: Groups, metrics: Sequence[str]) -> list[str]:
    """Return what recorded motion gives: of one data set it is the same in all runs."""
    every = [one for results in groups.values() for one in results if one.recorded]
    means = [recorded_mean(every[0], metric) if every else None for metric in metrics]
    return [number(mean, 3) for mean in means] if any(m is not None for m in means) else []


def distinct(
    groups: Groups, name: str, columns: Sequence[str]
) -> list[tuple[list[str], list[Row]]]:
    """Return the labels that have a row, those together whose row has the same figures."""
    found: list[tuple[list[str], list[Row]]] = []
    for label, results in groups.items():
        rows = rows_named(results, name)
        figures = _figures(rows, columns)
        same = [labels for labels, others in found if _figures(others, columns) == figures]
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
    if not means or better not in NEARNESS:
        return []
    chosen = number(min(means.values(), key=NEARNESS[better]), 3)
    lines = [line for line, mean in means.items() if number(mean, 3) == chosen]
    return lines if 2 * len(lines) <= len(means) else []


def written(value: Point | None, spread: bool) -> str:
    """Write a figure with three digits and, if wanted, its spread with two."""
    if value is None:
        return MISSING
    mean = number(value.mean, 3)
    varies = value.std > LEAST_SPREAD * abs(value.mean)  # sums of equal numbers differ in rounding
    return f"{mean} ± {number(value.std, 2)}" if spread and varies else mean


def _figures(rows: Sequence[Row], columns: Sequence[str]) -> list[list[Point | None]]:
    return [[_measured(row, column) for column in columns] for row in rows]


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
