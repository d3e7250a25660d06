import json
from dataclasses import replace

import pytest

from benchmarks.results import find_row, parse, ratios, read_results, to_json, write_results
from distill.errors import UserError
from tests.benchmarks.results_example import PROTOCOL, example

TOP = {
    "format", "run", "commit", "config_hash", "data_hash", "device", "threads", "reference",
    "rows", "ratios",
}  # fmt: skip
ROW = {"name", "family", "steps", "backend", "params", "bytes", "metrics", "speed"}


def test_what_is_written_is_read_back_equal(tmp_path):
    path = tmp_path / "report" / "results.json"
    value = write_results(path, example())
    assert read_results(path) == example()
    assert json.loads(path.read_text()) == value


def test_the_file_has_the_promised_keys():
    value = to_json(example())
    assert value["format"] == 1
    assert set(value) >= TOP
    model = value["rows"][-1]
    assert set(model) >= ROW
    assert set(model["metrics"]["lve"]) == {"mean", "std", "unit", "region"}
    assert set(model["speed"]) == {"threads_1", "threads_2", "peak_mb", "calls", "cold_s"}
    assert set(model["speed"]["threads_1"]) == {"p50_ms", "p95_ms", "rtf"}


def test_ratios_compare_the_exported_student_with_the_teacher_at_its_own_steps():
    found = ratios(example().rows, PROTOCOL)
    teacher_ms, student_ms = 8 + 180 * 16, 8 + 22 * 2
    assert found["speedup_1t"] == pytest.approx(teacher_ms / student_ms)
    assert found["speedup_2t"] == pytest.approx(teacher_ms / student_ms)
    assert found["storage_reduction"] == pytest.approx(1 - 5.2 / 64)
    assert found["params_ratio"] == pytest.approx(1.3 / 16)
    assert found["lve_ratio"] == pytest.approx(16.1 / 15)
    assert found["eve_ratio"] == pytest.approx(16.1 / 15)
    four = ratios(example().rows, PROTOCOL | {"export_steps": 4})
    assert four["lve_ratio"] == pytest.approx(15.6 / 15)


def test_old_files_that_name_no_steps_are_of_a_two_step_student_and_a_sixteen_step_teacher():
    assert ratios(example().rows, {}) == ratios(example().rows, PROTOCOL)


def test_ratios_are_torch_against_torch():
    rows = example().rows
    onnx = replace(find_row(rows, "student-2"), backend="onnx-int8", bytes=1)
    assert ratios([onnx, *rows], PROTOCOL) == ratios(rows, PROTOCOL)


def test_ratios_without_a_side_are_unknown():
    rows = [row for row in example().rows if row.name != "student-2"]
    assert set(ratios(rows, PROTOCOL)) == set(example().ratios)
    assert set(ratios(rows, PROTOCOL).values()) == {None}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda v: v.update(format=7), "format 7"),
        (lambda v: v.pop("data_hash"), "data_hash"),
        (lambda v: v.update(surprise=1), "surprise"),
        (lambda v: v["rows"][0].pop("metrics"), "metrics"),
        (lambda v: v["rows"][3]["metrics"]["lve"].update(mean=float("nan")), "nan"),
        (lambda v: v["rows"][3].update(bytes=-1), "bytes"),
        (lambda v: v["rows"].append(v["rows"][0]), "two rows"),
    ],
)
def test_a_damaged_file_is_refused_in_words(damage, message):
    value = to_json(example())
    damage(value)
    with pytest.raises(UserError, match=message):
        parse(value)
