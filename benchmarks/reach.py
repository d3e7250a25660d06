"""What the default run and its int8 export must reach, checked against a results file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.results import (
    Results,
    find_row,
    mean_of,
    recorded_mean,
    student_name,
    teacher_name,
)
from distill.face.parts import PARTS

INT8 = "onnx-int8"
FRECHET = ("fmd", "fmd_upper", "fmd_velocity")
MATCH_LIMITS = {4: 0.4, 2: 0.5, 1: 0.65}
"""Largest distance to the teacher by the student's steps."""
Value = float | tuple[float | None, ...] | None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One target: what it asks, what was measured, and whether that is enough (None: unknown).

    A target of several figures has several values and is reached when all of them are enough.
    """

    target: str
    reached: bool | None
    value: Value


def checks(results: Results) -> list[Check]:
    """Compare the results (test split) with every target; those of int8 where it was measured."""
    found = [*_natural(results), *_alike(results), *_lips(results), *_distilled(results)]
    return [*found, *_personas(results), *_cost(results), *compressed_checks(results)]


def _natural(results: Results) -> list[Check]:
    """Ask for motion as rough, as large and with as many blinks as recorded motion."""
    limits = {
        teacher_name(results.protocol): {"jitter": (0.75, 1.25), "spread": (0.85, 1.15)},
        student_name(results.protocol): {"jitter": (0.7, 1.3), "spread": (0.8, 1.2)},
    }
    found = []
    for name, wanted in limits.items():
        for metric, (low, high) in wanted.items():
            parts = _parts(results, metric, name)
            values = [_mean(results, f"{metric}_{part}", name) for part in parts]
            target = f"{name} {metric} {low:g}-{high:g}, every part"
            found.append(every(target, values, _between(low, high)))
    for name in limits:
        rate = _mean(results, "blinks_per_min", name), recorded_mean(results, "blinks_per_min")
        target = f"{name} blinks / recorded blinks 0.7-1.3"
        found.append(every(target, [_over(*rate)], _between(0.7, 1.3)))
        deep = _mean(results, "blink_depth", name)
        found.append(at_least(f"{name} blink_depth >= 0.85", deep, 0.85))
    return found


def _alike(results: Results) -> list[Check]:
    """Ask for windows distributed nearly as recorded ones."""
    limits = {teacher_name(results.protocol): 1.2, student_name(results.protocol): 1.5}
    found = []
    for name, limit in limits.items():
        metrics = [metric for metric in FRECHET if recorded_mean(results, metric) is not None]
        values = [_over(_mean(results, m, name), recorded_mean(results, m)) for m in metrics]
        target = f"{name} fmd / floor <= {limit:g}, all, upper face, velocities"
        found.append(every(target, values, _between(0.0, limit)))
    return found


def _lips(results: Results) -> list[Check]:
    teacher, student = teacher_name(results.protocol), student_name(results.protocol)
    return [
        at_most(
            f"{teacher} lve_mean8 / regression lve_mean8 <= 1",
            _ratio(results, "lve_mean8", teacher, "regression"),
            1.0,
        ),
        at_most(
            f"{student} lve_mean8 / regression lve_mean8 <= 1.05",
            _ratio(results, "lve_mean8", student, "regression"),
            1.05,
        ),
        at_least(f"{student} closure >= 0.9", _mean(results, "closure", student), 0.9),
    ]


def _distilled(results: Results) -> list[Check]:
    """Ask for students near their teacher, and nearer than the teacher in as few steps."""
    found = []
    for steps, limit in MATCH_LIMITS.items():
        student, undistilled = f"student-{steps}", f"teacher-{steps}"
        parts = _parts(results, "match", student)
        metrics = [f"match_{part}" for part in parts]
        own = [_mean(results, metric, student) for metric in metrics]
        target = f"{student} match <= {limit:g}, every part"
        found.append(every(target, own, _between(0.0, limit)))
        ratios = [_ratio(results, metric, student, undistilled) for metric in metrics]
        target = f"{student} match / {undistilled} match < 1, every part"
        found.append(every(target, ratios, lambda value: value < 1))
    return found


def _personas(results: Results) -> list[Check]:
    teacher, student = teacher_name(results.protocol), student_name(results.protocol)
    kinds = ("identity", "emotion")
    values = [_ratio(results, f"persona_top1_{kind}", student, teacher) for kind in kinds]
    return [
        at_least(f"{student} persona_top1_{kind} / {teacher} >= 0.9", value, 0.9)
        for kind, value in zip(kinds, values, strict=True)
    ]


def _cost(results: Results) -> list[Check]:
    student, ratios = student_name(results.protocol), results.ratios
    return [
        at_least(f"{student} speedup, 1 thread >= 40", ratios.get("speedup_1t"), 40.0),
        at_least(f"{student} speedup, 2 threads >= 40", ratios.get("speedup_2t"), 40.0),
        at_least(f"{student} storage reduction >= 0.90", ratios.get("storage_reduction"), 0.9),
    ]


def compressed_checks(results: Results) -> list[Check]:
    """Compare the int8 form of the student with its targets; none where it was not measured."""
    rows, name = results.rows, student_name(results.protocol)
    teacher, full = find_row(rows, teacher_name(results.protocol)), find_row(rows, name)
    small = next((r for r in rows if r.backend == INT8 and r.name.startswith(f"{name}-")), None)
    if small is None or teacher is None:
        return []
    times = [row.speed and row.speed.threads_1 for row in (teacher, small)]
    faster = times[0].p50_ms / times[1].p50_ms if times[0] and times[1] else None
    cold_s = small.speed.cold_s if small.speed else None
    lve, eve = (_over(mean_of(small, m), mean_of(teacher, m)) for m in ("lve", "eve"))
    return [
        at_least(f"{small.name} speedup over {teacher.name}, 1 thread >= 100", faster, 100.0),
        at_least(f"{small.name} rtf, 1 thread >= 200", times[1] and times[1].rtf, 200.0),
        at_least(f"{small.name} storage reduction >= 0.97", 1 - small.bytes / teacher.bytes, 0.97),
        at_most(f"{small.name} lve / {teacher.name} lve <= 1.05", lve, 1.05),
        at_most(f"{small.name} eve / {teacher.name} eve <= 1", eve, 1.0),
        below(f"{small.name} first file of a new process, s < 1.5", cold_s, 1.5),
        below(f"{small.name} MB < 2", small.bytes / 1e6, 2.0),
        below(f"{name} MB < 6", full and full.bytes / 1e6, 6.0),
    ]


def _parts(results: Results, metric: str, name: str) -> list[str]:
    """Return the parts of the face for which a metric of a row is known."""
    return [part for part in PARTS if _mean(results, f"{metric}_{part}", name) is not None]


def _mean(results: Results, metric: str, name: str) -> float | None:
    return mean_of(find_row(results.rows, name), metric)


def _ratio(results: Results, metric: str, above: str, below: str) -> float | None:
    return _over(_mean(results, metric, above), _mean(results, metric, below))


def _over(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def _between(low: float, high: float) -> Callable[[float], bool]:
    return lambda value: low <= value <= high


def every(target: str, values: Sequence[float | None], enough: Callable[[float], bool]) -> Check:
    """Ask something of every value: unknown without any, or if none that is known fails."""
    known = [value for value in values if value is not None]
    reached = all(map(enough, known)) if known else None
    if reached and len(known) < len(values):
        reached = None
    shown = values[0] if len(values) == 1 else tuple(values) or None
    return Check(target=target, reached=reached, value=shown)


def at_most(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is at most a limit."""
    return every(target, [value], lambda value: value <= limit)


def at_least(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is at least a limit."""
    return every(target, [value], lambda value: value >= limit)


def below(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is below a limit."""
    return every(target, [value], lambda value: value < limit)
