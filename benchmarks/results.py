"""`results.json`: its types, the ratios, validation, reading and writing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from distill.errors import UserError
from distill.storage import read_json, write_json

FORMAT = 1
TEACHER, STUDENT = "teacher", "student"
OLD_STEPS = {"teacher_steps": 16, "export_steps": 2}
"""Of results from before files said so."""
THREADS = ("threads_1", "threads_2")


@dataclass(frozen=True, kw_only=True)
class MetricValue:
    """Mean and spread of a metric over seeds; None where it is undefined."""

    mean: float | None
    std: float | None
    unit: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Time of one waveform-to-motion call and audio seconds per wall second."""

    p50_ms: float
    p95_ms: float
    rtf: float


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Speed of a row for one audio: by thread count, with peak memory and network calls.

    `cold_s` is the time from the start of a process to its first motion file, for exports.
    """

    threads_1: Timing | None = None
    threads_2: Timing | None = None
    peak_mb: float | None = None
    calls: int | None = None
    cold_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; `metrics` on the test split, `metrics_unseen` on unseen speakers.

    `calls` are the network calls of its distillation by role (`teacher`, `student`), those of the
    students it was made from included; a teacher's are those of its own training.
    """

    name: str
    family: str
    steps: int
    backend: str
    params: int
    bytes: int
    metrics: dict[str, MetricValue]
    metrics_unseen: dict[str, MetricValue] = field(default_factory=dict)
    speed: Speed | None = None
    calls: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything measured of one run.

    Attributes:
        formulas: Meaning of each metric id: formula, unit, region, pooling, better, origin.
        recorded: The same metrics of the real motion itself, by split.
        splits: Clips measured, by split.
        protocol: Seeds, steps of the teacher and of the exported student, seconds of audio and how
            spread is computed.
    """

    run: str
    commit: str
    config_hash: str
    data_hash: str
    device: str
    threads: int
    reference: dict[str, float | None]
    rows: list[Row]
    ratios: dict[str, float | None] = field(default_factory=dict)
    formulas: dict[str, dict[str, str]] = field(default_factory=dict)
    recorded: dict[str, dict[str, MetricValue]] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)


def ratios(rows: Sequence[Row], protocol: Mapping[str, Any]) -> dict[str, float | None]:
    """Compare the exported student with the teacher at its own steps, torch against torch.

    Speedups are teacher time / student time; storage reduction is 1 - student / teacher bytes;
    the others are student / teacher. None where a side was not measured.
    """
    names = teacher_name(protocol), student_name(protocol)
    teacher, student = (find_row(rows, name) for name in names)
    if teacher is None or student is None:
        keys = ("speedup_1t", "speedup_2t", "storage_reduction")
        return dict.fromkeys((*keys, "params_ratio", "lve_ratio", "eve_ratio"))
    size = _divide(student.bytes, teacher.bytes)
    return {
        "speedup_1t": _divide(_p50_ms(teacher, "threads_1"), _p50_ms(student, "threads_1")),
        "speedup_2t": _divide(_p50_ms(teacher, "threads_2"), _p50_ms(student, "threads_2")),
        "storage_reduction": None if size is None else 1 - size,
        "params_ratio": _divide(student.params, teacher.params),
        "lve_ratio": _divide(mean_of(student, "lve"), mean_of(teacher, "lve")),
        "eve_ratio": _divide(mean_of(student, "eve"), mean_of(teacher, "eve")),
    }


def teacher_name(protocol: Mapping[str, Any]) -> str:
    """Return the row of the teacher that students learn from, at its own steps."""
    return f"{TEACHER}-{protocol.get('teacher_steps', OLD_STEPS['teacher_steps'])}"


def student_name(protocol: Mapping[str, Any]) -> str:
    """Return the row of the student that is exported."""
    return f"{STUDENT}-{protocol.get('export_steps', OLD_STEPS['export_steps'])}"


def find_row(rows: Sequence[Row], name: str) -> Row | None:
    """Return the torch or still row of a name."""
    return next((r for r in rows if r.name == name and r.backend in ("torch", "")), None)


def mean_of(row: Row | None, metric: str) -> float | None:
    """Return a row's mean of a metric on the test split, or None."""
    value = None if row is None else row.metrics.get(metric)
    return None if value is None else value.mean


def recorded_mean(results: Results, metric: str, split: str = "test") -> float | None:
    """Return what recorded motion itself gives, or None: the floor of a Fréchet distance."""
    value = results.recorded.get(split, {}).get(metric)
    return None if value is None else value.mean


def to_json(results: Results) -> dict[str, Any]:
    """Return the JSON value of the results, format first."""
    return {"format": FORMAT, **asdict(results)}


def write_results(path: Path, results: Results) -> dict[str, Any]:
    """Check and write `results.json` atomically; returns what was written."""
    value = to_json(results)
    parse(value)
    write_json(path, value)
    return value


def read_results(path: Path) -> Results:
    """Read `results.json`.

    Raises:
        UserError: It is missing, broken or of another format.
    """
    return parse(read_json(Path(path)), str(path))


def parse(value: Any, name: str = "results.json") -> Results:
    """Check a JSON value against the format and return it typed.

    Raises:
        UserError: A field is missing, has the wrong type or is not finite.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise UserError(f"{name} has format {found!r}, this version reads format {FORMAT}")
    try:
        content = {key: entry for key, entry in value.items() if key != "format"}
        rows = [_row(row) for row in content.pop("rows")]
        recorded = {k: _metrics(v) for k, v in content.pop("recorded", {}).items()}
        results = Results(rows=rows, recorded=recorded, **content)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{name} is not a results file of format {FORMAT}: {error}") from error
    _check(results, name)
    return results


def _row(value: dict[str, Any]) -> Row:
    speed = value.get("speed")
    return Row(
        **{
            **value,
            "metrics": _metrics(value["metrics"]),
            "metrics_unseen": _metrics(value.get("metrics_unseen", {})),
            "speed": None if speed is None else parse_speed(speed),
        }
    )


def parse_speed(value: dict[str, Any]) -> Speed:
    """Return a speed entry typed."""
    timings = {name: value[name] and Timing(**value[name]) for name in THREADS if name in value}
    return Speed(**{**value, **timings})


def _metrics(value: dict[str, Any]) -> dict[str, MetricValue]:
    return {name: MetricValue(**entry) for name, entry in value.items()}


def _check(results: Results, name: str) -> None:
    names = [(row.name, row.backend) for row in results.rows]
    if len(set(names)) < len(names):
        raise UserError(f"{name} has two rows of the same name and backend: {sorted(names)}")
    for path, number in _numbers(asdict(results)):
        if not math.isfinite(number):
            raise UserError(f"{name} holds {number} at {path}; only finite numbers are results")
    for row in results.rows:
        counts = {key: getattr(row, key) for key in ("steps", "params", "bytes")}
        counts |= {f"calls.{role}": count for role, count in row.calls.items()}
        for field_name, amount in counts.items():
            if not isinstance(amount, int) or amount < 0:
                raise UserError(f"{name}: {row.name}.{field_name} is {amount!r}, not a count")


def _numbers(value: Any, path: str = "") -> list[tuple[str, float]]:
    if isinstance(value, float):
        return [(path, value)]
    if isinstance(value, dict):
        items: Any = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return []
    return [found for key, entry in items for found in _numbers(entry, f"{path}/{key}")]


def _p50_ms(row: Row, threads: str) -> float | None:
    timing = None if row.speed is None else getattr(row.speed, threads)
    return None if timing is None else timing.p50_ms


def _divide(above: float | int | None, below: float | int | None) -> float | None:
    return None if above is None or not below else above / below
