from dataclasses import replace

import pytest

from benchmarks.reach import INT8, checks
from benchmarks.results import Timing, find_row, ratios
from tests.benchmarks.results_example import example


def by_target(results):
    return {check.target: check for check in checks(results)}


def with_metric(name, metric, mean):
    results = example()
    rows = [
        replace(row, metrics=row.metrics | {metric: replace(row.metrics[metric], mean=mean)})
        if row.name == name
        else row
        for row in results.rows
    ]
    return replace(results, rows=rows, ratios=ratios(rows))


def test_good_numbers_reach_every_target():
    assert {check.target: check.reached for check in checks(example())} == dict.fromkeys(
        by_target(example()), True
    )


@pytest.mark.parametrize(
    ("name", "metric", "mean", "target"),
    [
        ("teacher-16", "lve", 21.1, "teacher lve / neutral"),
        ("teacher-16", "lve", 40.0, "teacher lve / mean"),
        ("student-2", "lve", 16.6, "student-2 lve / teacher"),
        ("student-2", "lve", 16.9, "student-2 lve / regression"),
        ("student-2", "eve", 4.2, "student-2 eve"),
        ("student-2", "closure", 0.79, "student-2 closure"),
        ("student-2", "persona_top1_identity", 0.8, "student-2 persona_top1_identity"),
        ("student-2", "persona_top1_emotion", 0.8, "student-2 persona_top1_emotion"),
        ("student-4", "diversity", 0.59, "student-4 diversity"),
        ("student-2", "fdd_abs", 5.0, "student-2 fdd_abs"),
        ("student-2", "diversity", 0.0, "student-2 diversity"),
    ],
)
def test_each_target_fails_just_past_its_limit(name, metric, mean, target):
    found = by_target(with_metric(name, metric, mean))
    (check,) = [check for text, check in found.items() if text.startswith(target)]
    assert check.reached is False


def test_what_was_not_measured_is_neither_reached_nor_missed():
    results = replace(example(), rows=[], ratios=ratios([]))
    assert {check.reached for check in checks(results)} == {None}


def with_int8(**changes):
    """Results with an int8 student that reaches everything, but for `changes`."""
    results = example()
    full, teacher = (find_row(results.rows, name) for name in ("student-2", "teacher-16"))
    timing = Timing(p50_ms=teacher.speed.threads_1.p50_ms / 120, p95_ms=9.0, rtf=300.0)
    made = {"bytes": teacher.bytes // 50, "timing": timing, "lve": 1.04, "eve": 0.99, "cold_s": 1.0}
    made |= changes
    metrics = {
        name: replace(full.metrics[name], mean=made[name] * teacher.metrics[name].mean)
        for name in ("lve", "eve")
    }
    row = replace(
        full,
        name="student-2-onnx-int8",
        backend=INT8,
        bytes=made["bytes"],
        metrics=full.metrics | metrics,
        speed=replace(full.speed, threads_1=made["timing"], cold_s=made["cold_s"]),
    )
    return replace(results, rows=[*results.rows, row])


def test_int8_is_judged_where_it_was_measured():
    assert not [target for target in by_target(example()) if "int8" in target]
    found = by_target(with_int8())
    assert len([target for target in found if "int8" in target]) == 7
    assert all(check.reached for target, check in found.items() if "int8" in target)


@pytest.mark.parametrize(
    ("changes", "targets"),
    [
        ({"bytes": 2_000_000}, {"int8: MB < 2"}),
        ({"lve": 1.06}, {"int8: lve / teacher lve <= 1.05"}),
        ({"eve": 1.01}, {"int8: eve / teacher eve <= 1"}),
        ({"cold_s": 1.6}, {"int8: first file of a new process, s < 1.5"}),
        (
            {"timing": Timing(p50_ms=1e6, p95_ms=1e6, rtf=0.01)},
            {
                "int8: speedup over the teacher, 1 thread >= 100",
                "int8: real-time factor, 1 thread >= 200",
            },
        ),
    ],
)
def test_each_int8_target_fails_just_past_its_limit(changes, targets):
    found = by_target(with_int8(**changes))
    missed = {target for target, check in found.items() if "int8" in target and not check.reached}
    assert missed - {"int8: storage reduction >= 0.97"} == targets
