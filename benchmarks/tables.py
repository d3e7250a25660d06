"""The numbers of a results file as tables of text: one source for page, screen and logger."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.reach import Check, checks, compressed_checks
from benchmarks.results import MetricValue, Results, Row, Timing, mean_of

ERRORS = ("lve", "lve_rms_mm", "eve", "fdd", "fdd_abs", "mve", "mod")
ROLES = ("teacher", "student")
SUMMARY = ("lve", "eve", "fdd_abs", "diversity", "closure", "sync_r")
MISSING = "-"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A titled table of ready-made text."""

    title: str
    head: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]


def all_tables(results: Results) -> list[Table]:
    """Return every table of the report, the targets first."""
    quality = [table for split in results.splits for table in quality_tables(results, split)]
    tables = [reach_table(results), *quality, speed_table(results), ratio_table(results)]
    costs = [cost_table(results)] if any(row.calls for row in results.rows) else []
    return [*tables, *costs, formula_table(results)]


def reach_table(results: Results) -> Table:
    """Compare with the targets of the default command."""
    return checked("Reach (test split)", checks(results))


def compressed_table(results: Results) -> Table:
    """Compare the student's int8 form with its targets."""
    return checked("The student that ships, int8 (test split)", compressed_checks(results))


def quality_tables(results: Results, split: str) -> list[Table]:
    """Return the error table and the behaviour table of a split; units in the column heads."""
    lines = _lines(results, split)
    ids = sorted({metric for _, metrics in lines for metric in metrics})
    errors = [metric for metric in ERRORS if metric in ids]
    others = [metric for metric in ids if metric not in ERRORS]
    where = f"{split} split, {results.splits[split]} clips, data {results.data_hash}"
    titled = ((f"Error against real motion: {where}", errors), (f"Behaviour: {where}", others))
    return [_quality(title, chosen, lines) for title, chosen in titled if chosen]


def speed_table(results: Results) -> Table:
    """Return latency, memory and size of every row that has a model."""
    seconds = results.protocol.get("audio_s", 10)
    head = ("row", "backend", "params", "MB", "network calls", "peak MiB")
    cold = any(row.speed and row.speed.cold_s for row in results.rows)
    names = ("1 thread", "2 threads")
    head += tuple(f"{what}, {name}" for name in names for what in ("p50 ms", "p95 ms", "rtf"))
    head += ("first file of a new process, s",) if cold else ()
    body = []
    for row in results.rows:
        if not row.bytes:
            continue
        speed = row.speed
        cells = (row.name, row.backend, f"{row.params:,}", number(row.bytes / 1e6))
        calls = MISSING if speed is None or speed.calls is None else str(speed.calls)
        memory = number(None if speed is None else speed.peak_mb)
        one, two = (None, None) if speed is None else (speed.threads_1, speed.threads_2)
        first = (number(speed and speed.cold_s, 3),) if cold else ()
        body.append((*cells, calls, memory, *_timing(one), *_timing(two), *first))
    title = f"Speed and size: waveform to motion, {seconds:g} s of audio, batch 1, {results.device}"
    return Table(title=title, head=head, body=tuple(body))


def ratio_table(results: Results) -> Table:
    """Return the ratios of the 2-step student and the 16-step teacher."""
    body = tuple((name, number(value)) for name, value in results.ratios.items())
    return Table(
        title="2-step student against the teacher (16 steps)", head=("ratio", "value"), body=body
    )


def cost_table(results: Results) -> Table:
    """Return the network calls that making each model took."""
    made = [row for row in results.rows if row.calls]
    body = [(row.name, *(f"{row.calls[role]:,}" for role in ROLES)) for row in made]
    head = ("row", *(f"{role} calls" for role in ROLES))
    return Table(
        title="Network calls in training, earlier students included", head=head, body=tuple(body)
    )


def summary_table(results: Results) -> Table:
    """Return one narrow table for the screen: means on the test split, latency and size."""
    head = ("row", *(f"{metric}\n{_unit(results, metric)}" for metric in SUMMARY))
    body = []
    for row in results.rows:
        timing = row.speed and row.speed.threads_1
        means = (number(mean_of(row, metric), 3) for metric in SUMMARY)
        cost = number(timing.p50_ms if timing else None), number(row.bytes / 1e6 or None)
        body.append((_label(row), *means, *cost))
    where = f"{results.splits.get('test', 0)} clips, data {results.data_hash}"
    title = f"Test split, {where}; p50 on 1 thread"
    return Table(title=title, head=(*head, "p50\nms", "size\nMB"), body=tuple(body))


def formula_table(results: Results) -> Table:
    """Return what each formula id means."""
    columns = ("formula", "unit", "region", "pooling", "better", "origin")
    body = [(name, *(spec[c] for c in columns)) for name, spec in results.formulas.items()]
    return Table(title="Formulas", head=("id", *columns), body=tuple(body))


def number(value: float | int | None, digits: int = 4) -> str:
    """Write a number with so many significant digits; a dash when there is none or it is NaN."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def _lines(results: Results, split: str) -> list[tuple[str, dict[str, MetricValue]]]:
    def metrics(row: Row) -> dict[str, MetricValue]:
        return row.metrics if split == "test" else row.metrics_unseen

    lines = [(_label(row), metrics(row)) for row in results.rows]
    if split in results.recorded:
        lines.append(("recorded motion", results.recorded[split]))
    return [(label, values) for label, values in lines if values]


def _label(row: Row) -> str:
    return row.name if row.backend in ("", "torch") else f"{row.name} ({row.backend})"


def _unit(results: Results, metric: str) -> str:
    return results.formulas.get(metric, {}).get("unit", "")


def _quality(
    title: str, chosen: Sequence[str], lines: Sequence[tuple[str, dict[str, MetricValue]]]
) -> Table:
    units = {metric: values[metric].unit for _, values in lines for metric in values}
    head = ("row", *(f"{metric} [{units[metric]}]" for metric in chosen))
    body = [(label, *(_spread(values.get(metric)) for metric in chosen)) for label, values in lines]
    return Table(title=title, head=head, body=tuple(body))


def checked(title: str, found: Sequence[Check]) -> Table:
    """Return targets and whether they are reached."""
    words = {True: "yes", False: "no", None: "not measured"}
    body = [(c.target, words[c.reached], number(c.value)) for c in found]
    return Table(title=title, head=("target", "reached", "value"), body=tuple(body))


def _spread(value: MetricValue | None) -> str:
    if value is None or value.mean is None:
        return MISSING
    return f"{number(value.mean)} ± {number(value.std)}" if value.std else number(value.mean)


def _timing(timing: Timing | None) -> tuple[str, str, str]:
    if timing is None:
        return MISSING, MISSING, MISSING
    return number(timing.p50_ms), number(timing.p95_ms), number(timing.rtf)
