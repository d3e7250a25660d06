"""What the default run and its int8 export must reach, checked against a results file."""

from dataclasses import dataclass

from benchmarks.results import STUDENT, TEACHER, Results, find_row, mean_of

INT8 = "onnx-int8"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One target: what it asks, what was measured, and whether that is enough (None: unknown)."""

    target: str
    reached: bool | None
    value: float | None


def checks(results: Results) -> list[Check]:
    """Compare the results (test split) with every target; those of int8 where it was measured."""
    found = [*_teacher(results), *_student(results), *_baseline(results), *_cost(results)]
    return [*found, *compressed_checks(results)]


def _teacher(results: Results) -> list[Check]:
    return [
        at_most(
            "teacher lve / neutral lve <= 0.35",
            _ratio(results, "lve", TEACHER, "neutral"),
            0.35,
        ),
        below("teacher lve / mean lve < 1", _ratio(results, "lve", TEACHER, "mean"), 1.0),
    ]


def _student(results: Results) -> list[Check]:
    found = [
        at_most(f"{STUDENT} lve / {TEACHER} lve <= 1.10", results.ratios.get("lve_ratio"), 1.1),
        at_most(f"{STUDENT} eve / {TEACHER} eve <= 1.10", results.ratios.get("eve_ratio"), 1.1),
        at_least(f"{STUDENT} closure >= 0.8", _mean(results, "closure", STUDENT), 0.8),
    ]
    for kind in ("identity", "emotion"):
        value = _ratio(results, f"persona_top1_{kind}", STUDENT, TEACHER)
        found.append(at_least(f"{STUDENT} persona_top1_{kind} / {TEACHER} >= 0.9", value, 0.9))
    value = _ratio(results, "diversity", "student-4", TEACHER)
    found.append(at_least(f"student-4 diversity / {TEACHER} >= 0.5", value, 0.5))
    return found


def _baseline(results: Results) -> list[Check]:
    beaten = _ratio(results, "fdd_abs", STUDENT, "regression")
    gain = _difference(results, "diversity", STUDENT, "regression")
    return [
        at_most(
            f"{STUDENT} lve / regression lve <= 1.05",
            _ratio(results, "lve", STUDENT, "regression"),
            1.05,
        ),
        below(f"{STUDENT} fdd_abs / regression fdd_abs < 1", beaten, 1.0),
        above(f"{STUDENT} diversity - regression diversity > 0", gain, 0.0),
    ]


def _cost(results: Results) -> list[Check]:
    ratios = results.ratios
    return [
        at_least("speedup, 1 thread >= 30", ratios.get("speedup_1t"), 30.0),
        at_least("speedup, 2 threads >= 30", ratios.get("speedup_2t"), 30.0),
        at_least("storage reduction >= 0.90", ratios.get("storage_reduction"), 0.9),
    ]


def compressed_checks(results: Results) -> list[Check]:
    """Compare the int8 form of the student with its targets; none where it was not measured."""
    rows, teacher = results.rows, find_row(results.rows, TEACHER)
    small = next(
        (row for row in rows if row.backend == INT8 and row.name.startswith(STUDENT)), None
    )
    if small is None or teacher is None:
        return []
    full = find_row(rows, STUDENT)
    times = [row.speed and row.speed.threads_1 for row in (teacher, small)]
    faster = times[0].p50_ms / times[1].p50_ms if times[0] and times[1] else None
    cold_s = small.speed.cold_s if small.speed else None
    lve, eve = (_over(mean_of(small, m), mean_of(teacher, m)) for m in ("lve", "eve"))
    return [
        at_least("int8: speedup over the teacher, 1 thread >= 100", faster, 100.0),
        at_least("int8: real-time factor, 1 thread >= 200", times[1] and times[1].rtf, 200.0),
        at_least("int8: storage reduction >= 0.97", 1 - small.bytes / teacher.bytes, 0.97),
        at_most("int8: lve / teacher lve <= 1.05", lve, 1.05),
        at_most("int8: eve / teacher eve <= 1", eve, 1.0),
        below("int8: first file of a new process, s < 1.5", cold_s, 1.5),
        below("int8: MB < 2", small.bytes / 1e6, 2.0),
        below(f"{STUDENT}: MB < 6", full and full.bytes / 1e6, 6.0),
    ]


def _mean(results: Results, metric: str, name: str) -> float | None:
    return mean_of(find_row(results.rows, name), metric)


def _ratio(results: Results, metric: str, above: str, below: str) -> float | None:
    return _over(_mean(results, metric, above), _mean(results, metric, below))


def _over(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def _difference(results: Results, metric: str, first: str, second: str) -> float | None:
    a, b = _mean(results, metric, first), _mean(results, metric, second)
    return None if a is None or b is None else a - b


def at_most(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is at most a limit."""
    return Check(target=target, reached=None if value is None else value <= limit, value=value)


def at_least(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is at least a limit."""
    return Check(target=target, reached=None if value is None else value >= limit, value=value)


def below(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is below a limit."""
    return Check(target=target, reached=None if value is None else value < limit, value=value)


def above(target: str, value: float | None, limit: float) -> Check:
    """Ask that a value is above a limit."""
    return Check(target=target, reached=None if value is None else value > limit, value=value)
