from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import distill.pipeline.opened
import distill.talker
from benchmarks.measure import with_fewer_steps
from benchmarks.results import read_results
from benchmarks.run import main, measure_run, parse_arguments
from distill.errors import UserError
from distill.training.progress import Progress
from tests.benchmarks.fakes import FakeCorpus, FakeTalker, space

MODELS = ["regression", "teacher-16", "student-4", "student-2"]


@dataclass
class FakeRun:
    models: list[str] = field(default_factory=lambda: list(MODELS))
    hashes: dict[str, str] = field(default_factory=lambda: {"config": "c0", "data": "da7a"})
    space: Any = field(default_factory=space)
    teacher_steps: int = 16
    export_steps: int = 2

    def corpus(self):
        return FakeCorpus()

    def checkpoints(self):
        return [(name, Path(name), int(name.partition("-")[2] or 1)) for name in self.models]

    def exports(self):
        return []


@pytest.fixture
def opened(monkeypatch):
    run = FakeRun()
    monkeypatch.setattr(distill.pipeline.opened, "open_run", lambda folder: run)
    monkeypatch.setattr(distill.talker, "load", lambda path, backend: FakeTalker())
    return run


def silent():
    return Progress(console=Console(quiet=True))


def test_a_run_is_measured_into_its_report_folder(opened, tmp_path):
    value = measure_run(tmp_path, seeds=2, speed=False, video=False, progress=silent())
    results = read_results(tmp_path / "report" / "results.json")
    fewer = ["teacher-4", "teacher-2", "teacher-1"]
    assert [r.name for r in results.rows] == ["neutral", "mean", *MODELS[:2], *fewer, *MODELS[2:]]
    assert [r.steps for r in results.rows] == [0, 0, 1, 16, 4, 2, 1, 4, 2]
    assert results.protocol["export_steps"] == 2 and results.protocol["teacher_steps"] == 16
    assert results.splits == {"test": 4, "test_unseen": 1}
    assert results.data_hash == "da7a"
    assert set(results.recorded) == {"test", "test_unseen"}
    assert results.rows[-1].metrics["match_mouth"].mean == 0  # the fake says the same in all rows
    assert value["ratios"]["lve_ratio"] == 1.0
    assert (tmp_path / "report" / "report.md").read_text().startswith("# Report of")


def test_only_fewer_steps_are_added_and_only_of_the_teacher():
    models = [(name, Path(name), 4) for name in ("regression", "teacher-4", "student-4")]
    rows = [(name, steps) for name, _, steps in with_fewer_steps(models, "teacher-4")]
    assert rows == [
        ("regression", 4), ("teacher-4", 4), ("teacher-2", 2), ("teacher-1", 1), ("student-4", 4),
    ]  # fmt: skip


def test_the_mean_row_is_the_training_mean(opened, tmp_path):
    opened.models = ["student-2"]
    results = measure_run(tmp_path, seeds=1, speed=False, video=False, progress=silent())
    neutral, mean = results["rows"][:2]
    assert neutral["metrics"]["lve"]["mean"] != mean["metrics"]["lve"]["mean"]
    assert neutral["bytes"] == mean["params"] == 0


def test_a_run_without_models_is_refused(opened, tmp_path):
    opened.models = []
    with pytest.raises(UserError, match="no finished models"):
        measure_run(tmp_path, speed=False, video=False, progress=silent())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=/nowhere/at/all"], "does not exist"),
        ([], "no run given"),
        (["rum=x"], "did you mean run="),
        (["run=x", "seeds=0"], "1 to 100"),
        (["run=x", "speed=maybe"], "neither true nor false"),
    ],
)
def test_mistakes_are_one_sentence_and_status_2(words, message, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_that_is_no_run_is_status_2(tmp_path, capsys):
    assert main([f"run={tmp_path}"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_options_are_read():
    found = parse_arguments(["run=a/b", "seeds=5", "speed=false", "video=True"])
    assert found == {"run": Path("a/b"), "seeds": 5, "speed": False, "video": True}


def test_help_goes_to_the_screen(capsys):
    assert main(["--help"]) == 0
    assert "run=<dir>" in capsys.readouterr().out
