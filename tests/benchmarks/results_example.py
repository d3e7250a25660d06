"""A results file of plausible made-up numbers."""

from dataclasses import replace

from benchmarks.measure import formulas
from benchmarks.results import MetricValue, Results, Row, Speed, Timing, ratios
from distill.face.parts import PARTS

LEVELS = {
    "neutral": 60.0, "mean": 40.0, "regression": 16.0, "teacher-16": 15.0,
    "teacher-4": 17.0, "teacher-2": 18.0, "teacher-1": 19.0,
    "student-16": 15.2, "student-8": 15.3, "student-4": 15.6, "student-2": 16.1, "student-1": 17.5,
}  # fmt: skip
MATCH = {"student-4": 0.3, "student-2": 0.35, "student-1": 0.5}
UNTAUGHT = ("neutral", "mean", "teacher-16")
PROTOCOL = {"seeds": [0, 1, 2], "teacher_steps": 16, "export_steps": 2, "audio_s": 10.0}
UNITS = {name: spec["unit"] for name, spec in formulas("mm").items()}
REGIONS = {name: spec["region"] for name, spec in formulas("mm").items()}


def metrics(name):
    level = LEVELS[name]
    random = name.startswith(("student", "teacher"))
    values = dict.fromkeys(UNITS, 0.9) | {"lve": level, "eve": level / 4, "fdd_abs": level / 10}
    values |= {"lve_mean8": level, "diversity": 1.2 if random else 0.0}
    values |= {metric: 4.0 for metric in ("fmd", "fmd_upper", "fmd_velocity")}
    values |= {"blinks_per_min": 15.0, "coverage": 0.8}
    values |= {f"match_{part}": MATCH.get(name, 0.75) for part in PARTS}
    made = {
        key: MetricValue(
            mean=value, std=0.2 if random else 0.0, unit=UNITS[key], region=REGIONS[key]
        )
        for key, value in values.items()
    }
    if name in UNTAUGHT:
        made |= {f"match_{part}": replace(made["lve"], mean=None, std=None) for part in PARTS}
    if not random:
        made["sync_lag_ms"] = MetricValue(mean=None, std=None, unit="ms", region="lips")
    return made


def row(name):
    still, steps = name in ("neutral", "mean"), int(name.partition("-")[2] or 0)
    big = name.startswith("teacher")
    per_step = 180.0 if big else 22.0
    latency_ms = 8 + per_step * max(steps, 1)
    slow, fast = (
        Timing(p50_ms=ms, p95_ms=1.1 * ms, rtf=1e4 / ms) for ms in (latency_ms, latency_ms / 1.7)
    )
    return Row(
        name=name,
        family="baseline" if still else "students.fake",
        steps=steps,
        backend="" if still else "torch",
        params=0 if still else 16_000_000 if big else 1_300_000,
        bytes=0 if still else 64_000_000 if big else 5_200_000,
        metrics=metrics(name),
        metrics_unseen=metrics(name),
        speed=None
        if still or (big and steps < 16)
        else Speed(threads_1=slow, threads_2=fast, peak_mb=400.0, calls=steps or 1),
    )


def example() -> Results:
    rows = [row(name) for name in LEVELS]
    return Results(
        run="made-up",
        commit="0123456789ab",
        config_hash="c0ffee",
        data_hash="da7a",
        device="cpu (x86_64)",
        threads=2,
        reference={"matmul_gflops_1t": 60.0, "matmul_gflops_2t": 110.0},
        rows=rows,
        ratios=ratios(rows, PROTOCOL),
        formulas=formulas("mm"),
        recorded={"test": metrics("neutral")},
        splits={"test": 32, "test_unseen": 16},
        protocol=dict(PROTOCOL),
    )
