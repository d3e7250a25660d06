"""The numbers of a results file as tables of text: one source for page, screen and logger."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.reach import FRECHET, Check, Value, checks, compressed_checks
from benchmarks.results import (
    MetricValue,
    Results,
    Row,
    Timing,
    mean_of,
    recorded_mean,
    student_name,
    teacher_name,
)
from distill.face.parts import PARTS

JITTER, SPREAD, MATCH = (
    tuple(f"{metric}_{part}" for part in PARTS) for metric in ("jitter", "spread", "match")
)
BLINKS = ("blinks_per_min", "blink_depth")
MOTION, ALIKE = (*JITTER, *SPREAD), (*BLINKS, *FRECHET, "coverage")
LIPS = ("lve_mean8", "lve", "closure", "sync_r")
ERRORS = ("lve", "lve_mean8", "lve_rms_mm", "eve", "fdd", "fdd_abs", "mve", "mod")
ROLES = ("teacher", "student")
SHORT = {
    "blinks_per_min": "blinks\n/min", "blink_depth": "deep", "fmd_upper": "fmd\nupper",
    "fmd_velocity": "fmd\nvelocity",
}  # fmt: skip
"""Heads of narrow tables, where they are not the ids."""
MISSING, RECORDED = "-", "recorded"
SEEN = (
    "jitter: roughness for its size, spread: deviation inside a clip, both generated / recorded, "
    "so that 1 is natural; above 1.3 motion trembles, a low spread is over-smoothed."
)
COUNTED = (
    "blinks per minute and the share of them that close the eyes; fmd: distance of one-second "
    "windows from training motion, with its ratio to the floor that recorded motion gives; "
    "coverage: share of recorded windows that one of eight samples comes near."
)
MATCHED = (
    "Distance to the teacher from the same noise over that of two of its samples: 0 is the teacher "
    "itself, 0.71 knows only its mean."
)
BLIND = (
    "lve compares one sample with one recording: it sees neither trembling nor missing motion, and "
    "prefers the mean of what could have been said; lve_mean8, of the mean of eight samples, "
    "compares samplers with a regression."
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A titled table of ready-made text, with a sentence on how to read it."""

    title: str
    head: tuple[str, ...]
    body: tuple[tuple[str, ...], ...]
    note: str = ""


def all_tables(results: Results) -> list[Table]:
    """Return every table of the report: the summary, the targets, then everything."""
    quality = [table for split in results.splits for table in quality_tables(results, split)]
    tables = [*summary_tables(results), reach_table(results), *quality]
    tables += [speed_table(results), ratio_table(results)]
    costs = [cost_table(results)] if any(row.calls for row in results.rows) else []
    return [*tables, *costs, formula_table(results)]


def reach_table(results: Results) -> Table:
    """Compare with the targets of the default command."""
    parts = {part for row in results.rows for part in PARTS if f"jitter_{part}" in row.metrics}
    named = ", ".join(part for part in PARTS if part in parts)
    note = f"Values of every part: {named}." if named else ""
    return replace(checked("Reach (test split)", checks(results)), note=note)


def compressed_table(results: Results) -> Table:
    """Compare the student's int8 form with its targets."""
    return checked("The student that ships, int8 (test split)", compressed_checks(results))


def quality_tables(results: Results, split: str) -> list[Table]:
    """Return all metrics of a split, by what they look at; units in the column heads."""
    lines = _lines(results, split)
    ids = sorted({metric for _, metrics in lines for metric in metrics})
    shown = {
        "Jitter and spread": MOTION,
        "Blinks and distribution": ALIKE,
        "Distance to the teacher": MATCH,
        "Error against real motion": ERRORS,
    }
    shown["Behaviour"] = tuple(i for i in ids if not any(i in many for many in shown.values()))
    where = f"{split} split, {results.splits[split]} clips, data {results.data_hash}"
    chosen = {title: [i for i in many if i in ids] for title, many in shown.items()}
    return [_quality(f"{title}: {where}", many, lines) for title, many in chosen.items() if many]


def speed_table(results: Results) -> Table:
    """Return latency, memory and size of every row that has a model."""
    seconds = results.protocol.get("audio_s", 10)
    head = ("row", "backend", "params", "MB", "network calls", "peak MiB")
    cold = any(row.speed and row.speed.cold_s for row in results.rows)
    names = ("1 thread", "2 threads")
    head += tuple(f"{what}, {name}" for name in names for what in ("p50 ms", "p95 ms", "rtf"))
    head += ("first file of a new process, s",) if cold else ()
    body = []
    timed = any(row.speed for row in results.rows)
    for row in results.rows:
        if not row.bytes or (timed and row.speed is None):
            continue  # no model, or the teacher in fewer steps
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
    """Return the ratios of the exported student and the teacher at its own steps."""
    body = tuple((name, number(value)) for name, value in results.ratios.items())
    names = student_name(results.protocol), teacher_name(results.protocol)
    title = f"The exported student ({names[0]}) against its teacher ({names[1]})"
    return Table(title=title, head=("ratio", "value"), body=body)


def cost_table(results: Results) -> Table:
    """Return the network calls that making each model took."""
    made = [row for row in results.rows if row.calls]
    body = [(row.name, *(f"{row.calls[role]:,}" for role in ROLES)) for row in made]
    head = ("row", *(f"{role} calls" for role in ROLES))
    return Table(
        title="Network calls in training, earlier students included", head=head, body=tuple(body)
    )


def summary_tables(results: Results) -> list[Table]:
    """Return narrow tables of the test split: motion, distribution, distillation, lips and cost."""
    where = f"test split, {results.splits.get('test', 0)} clips, data {results.data_hash}"
    made = [
        _summary(results, MOTION, title=f"Motion: {where}", note=SEEN),
        _summary(results, ALIKE, title=f"Blinks and distribution: {where}", note=COUNTED),
        _summary(results, MATCH, title=f"Distance to the teacher: {where}", note=MATCHED),
        _lips_and_cost(results, where),
    ]
    return [table for table in made if len(table.head) > 1 and table.body]


def _summary(results: Results, metrics: Sequence[str], *, title: str, note: str) -> Table:
    """Return the means of every row that has any of the metrics; Fréchet distances with floor."""
    measured = [m for m in metrics if any(mean_of(row, m) is not None for row in results.rows)]
    heads, last = [], ""
    for metric in measured:
        kind, _, part = metric.partition("_")
        named = SHORT.get(metric) or (f"{kind}\n{part}" if part in PARTS else metric)
        heads.append(f"\n{part}" if part in PARTS and kind == last else named)
        last = kind
    lines = [
        (_label(r), [_cell(results, m, mean_of(r, m)) for m in measured]) for r in results.rows
    ]
    if metrics != MATCH:
        real = [_cell(results, metric, recorded_mean(results, metric)) for metric in measured]
        lines.append((RECORDED, real))
    body = [(name, *cells) for name, cells in lines if set(cells) - {MISSING}]
    return Table(title=title, head=("row", *heads), body=tuple(body), note=note)


def _cell(results: Results, metric: str, mean: float | None) -> str:
    floor = recorded_mean(results, metric) if metric in FRECHET else None
    if mean is None or not floor:
        return _narrow(mean) if metric in (*MOTION, *MATCH) else number(mean, 3)
    return f"{number(mean, 2)} ({number(mean / floor, 2)}x)"


def _narrow(value: float | None) -> str:
    """Write a ratio in at most four characters, up to a thousand."""
    return number(value, 2) if value is None or abs(value) >= 10 else f"{round(value, 2):g}"


def _lips_and_cost(results: Results, where: str) -> Table:
    measured = [m for m in LIPS if any(m in row.metrics for row in results.rows)]
    heads = (f"{metric}\n{_unit(results, metric)}".removesuffix("\n1") for metric in measured)
    head = ("row", *heads, "p50\nms", "size\nMB")
    body = []
    for row in results.rows:
        timing = row.speed and row.speed.threads_1
        means = (number(mean_of(row, metric), 3) for metric in measured)
        cost = number(timing.p50_ms if timing else None), number(row.bytes / 1e6 or None)
        body.append((_label(row), *means, *cost))
    if results.recorded.get("test"):
        means = (number(recorded_mean(results, metric), 3) for metric in measured)
        body.append((RECORDED, *means, MISSING, MISSING))
    title = f"Lips and cost: {where}; p50 on 1 thread"
    return Table(title=title, head=head, body=tuple(body), note=BLIND)


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
        lines.append((RECORDED, results.recorded[split]))
    return [(label, values) for label, values in lines if values]


def _label(row: Row) -> str:
    named = row.backend in ("", "torch") or row.name.endswith(row.backend)
    return row.name if named else f"{row.name} ({row.backend})"


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
    body = [(c.target, words[c.reached], _figures(c.value)) for c in found]
    return Table(title=title, head=("target", "reached", "value"), body=tuple(body))


def _figures(value: Value) -> str:
    if isinstance(value, tuple):
        return "  ".join(number(one, 3) for one in value)
    return number(value)


def _spread(value: MetricValue | None) -> str:
    if value is None or value.mean is None:
        return MISSING
    return f"{number(value.mean)} ± {number(value.std)}" if value.std else number(value.mean)


def _timing(timing: Timing | None) -> tuple[str, str, str]:
    if timing is None:
        return MISSING, MISSING, MISSING
    return number(timing.p50_ms), number(timing.p95_ms), number(timing.rtf)
