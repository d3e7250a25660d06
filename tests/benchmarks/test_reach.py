from dataclasses import replace

import pytest

from benchmarks.reach import checks
from benchmarks.results import ratios
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
