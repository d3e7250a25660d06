from dataclasses import replace

import pytest

from benchmarks.reach import INT8, checks
from benchmarks.results import Timing, find_row, ratios
from tests.benchmarks.results_example import PROTOCOL, example

SMALL = "student-2-onnx-int8"


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
    return replace(results, rows=rows, ratios=ratios(rows, PROTOCOL))


def test_good_numbers_reach_every_target():
    assert {check.target: check.reached for check in checks(example())} == dict.fromkeys(
        by_target(example()), True
    )


@pytest.mark.parametrize(
    ("name", "metric", "mean", "target"),
    [
        ("teacher-16", "jitter_head", 1.26, "teacher-16 jitter"),
        ("teacher-16", "jitter_mouth", 0.74, "teacher-16 jitter"),
        ("teacher-16", "spread_brows", 0.84, "teacher-16 spread"),
        ("teacher-16", "spread_eyes", 1.16, "teacher-16 spread"),
        ("student-2", "jitter_eyes", 1.31, "student-2 jitter"),
        ("student-2", "spread_blink", 0.79, "student-2 spread"),
        ("teacher-16", "blinks_per_min", 19.6, "teacher-16 blinks"),
        ("student-2", "blinks_per_min", 10.4, "student-2 blinks"),
        ("student-2", "blink_depth", 0.84, "student-2 blink_depth"),
        ("teacher-16", "fmd", 4.81, "teacher-16 fmd / floor"),
        ("teacher-16", "fmd_velocity", 4.81, "teacher-16 fmd / floor"),
        ("student-2", "fmd_upper", 6.01, "student-2 fmd / floor"),
        ("teacher-16", "lve_mean8", 16.01, "teacher-16 lve_mean8 / regression"),
        ("student-2", "lve_mean8", 16.81, "student-2 lve_mean8 / regression"),
        ("student-2", "closure", 0.89, "student-2 closure"),
        ("student-4", "match_head", 0.41, "student-4 match <= 0.4"),
        ("student-2", "match_head", 0.51, "student-2 match <= 0.5"),
        ("student-1", "match_brows", 0.66, "student-1 match <= 0.65"),
        ("student-1", "match_brows", 0.75, "student-1 match / teacher-1"),
        ("student-4", "match_mouth", 0.76, "student-4 match / teacher-4"),
        ("teacher-2", "match_eyes", 0.35, "student-2 match / teacher-2"),
        ("student-2", "persona_top1_identity", 0.8, "student-2 persona_top1_identity"),
        ("student-2", "persona_top1_emotion", 0.8, "student-2 persona_top1_emotion"),
    ],
)
def test_each_target_fails_just_past_its_limit(name, metric, mean, target):
    found = by_target(with_metric(name, metric, mean))
    (check,) = [check for text, check in found.items() if text.startswith(target)]
    assert check.reached is False


def test_costs_are_those_of_the_exported_student():
    results = example()
    slow = replace(results, ratios=results.ratios | {"speedup_1t": 39.9, "storage_reduction": 0.8})
    missed = {target for target, check in by_target(slow).items() if check.reached is False}
    assert missed == {"student-2 speedup, 1 thread >= 40", "student-2 storage reduction >= 0.90"}


def test_targets_name_the_student_of_the_exported_steps():
    results = example()
    four = replace(results, protocol=results.protocol | {"export_steps": 4})
    assert "student-4 closure >= 0.9" in by_target(four)
    assert "student-2 closure >= 0.9" not in by_target(four)


def test_one_bad_part_misses_the_target_and_all_parts_are_shown():
    found = by_target(with_metric("teacher-16", "jitter_head", 30.0))
    assert found["teacher-16 jitter 0.75-1.25, every part"].value == (0.9, 0.9, 0.9, 0.9, 30.0)


def test_a_part_that_a_rig_lacks_is_not_asked_for():
    results = example()
    rows = [
        replace(row, metrics={k: v for k, v in row.metrics.items() if not k.endswith("_blink")})
        for row in results.rows
    ]
    check = by_target(replace(results, rows=rows))["student-2 spread 0.8-1.2, every part"]
    assert check.reached and len(check.value) == 4


def test_what_was_not_measured_is_neither_reached_nor_missed():
    results = replace(example(), rows=[], ratios=ratios([], PROTOCOL))
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
        ({"bytes": 2_000_000}, {f"{SMALL} MB < 2"}),
        ({"lve": 1.06}, {f"{SMALL} lve / teacher-16 lve <= 1.05"}),
        ({"eve": 1.01}, {f"{SMALL} eve / teacher-16 eve <= 1"}),
        ({"cold_s": 1.6}, {f"{SMALL} first file of a new process, s < 1.5"}),
        (
            {"timing": Timing(p50_ms=1e6, p95_ms=1e6, rtf=0.01)},
            {
                f"{SMALL} speedup over teacher-16, 1 thread >= 100",
                f"{SMALL} rtf, 1 thread >= 200",
            },
        ),
    ],
)
def test_each_int8_target_fails_just_past_its_limit(changes, targets):
    found = by_target(with_int8(**changes))
    missed = {target for target, check in found.items() if "int8" in target and not check.reached}
    assert missed - {f"{SMALL} storage reduction >= 0.97"} == targets
