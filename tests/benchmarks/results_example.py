"""A results file of plausible made-up numbers."""

from benchmarks.measure import formulas
from benchmarks.results import MetricValue, Results, Row, Speed, Timing, ratios

LEVELS = {
    "neutral": 60.0, "mean": 40.0, "regression": 16.0, "teacher-16": 15.0,
    "student-16": 15.2, "student-8": 15.3, "student-4": 15.6, "student-2": 16.1, "student-1": 17.5,
}  # fmt: skip
UNITS = {name: spec["unit"] for name, spec in formulas("mm").items()}
REGIONS = {name: spec["region"] for name, spec in formulas("mm").items()}


def metrics(name):
    level = LEVELS[name]
    random = name.startswith(("student", "teacher"))
    values = dict.fromkeys(UNITS, 0.9) | {"lve": level, "eve": level / 4, "fdd_abs": level / 10}
    values["diversity"] = 1.2 if random else 0.0
    if name == "regression":
        values["fdd_abs"] = 5.0
    made = {
        key: MetricValue(
            mean=value, std=0.2 if random else 0.0, unit=UNITS[key], region=REGIONS[key]
        )
        for key, value in values.items()
    }
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
        if still
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
        ratios=ratios(rows),
        formulas=formulas("mm"),
        recorded={"test": metrics("neutral")},
        splits={"test": 32, "test_unseen": 16},
        protocol={"seeds": [0, 1, 2], "audio_s": 10.0},
    )
