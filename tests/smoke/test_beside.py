"""The baseline in a process of its own: the same weights, and no process left behind."""

import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from distill.data.corpus import Labels
from distill.errors import UserError
from distill.pipeline import beside
from distill.pipeline.context import Context
from distill.pipeline.runs import RunDirectory
from distill.training.progress import Progress
from tests.benchmarks.fakes import FakeCorpus, space
from tests.smoke.runs import finish, start

TWO = (
    "trainer.threads=null",
    "trainer.precision=32-true",
    "distill.end_steps=2",
    "budget.regression_updates=40",
)
ROUNDING = 1e-2
"""Sums of two threads differ in their last bits from those of one, and Muon rounds to bfloat16."""


def children_of(folder: Path) -> list[int]:
    """Processes that train the baseline of a run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_text().split("\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if "distill.pipeline.beside" in words and any(str(folder) in word for word in words):
            found.append(int(entry.name))
    return found


def wait_for(condition, seconds=200.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def test_a_killed_run_takes_its_baseline_along_and_both_end_as_if_alone(tmp_path, cache):
    finish(tmp_path / "alone", cache, *TWO, "trainer.threads=1")
    victim = start(tmp_path / "two", cache, *TWO, threads=2)
    wait_for(lambda: children_of(tmp_path / "two"))
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    wait_for(lambda: not children_of(tmp_path / "two"), seconds=120)  # it may be importing still
    finish(tmp_path / "two", cache, *TWO, threads=2)
    assert not children_of(tmp_path / "two")
    assert not (tmp_path / "two" / "regression" / beside.LOG).exists()
    for stage in ("regression", "student"):
        ours, theirs = (
            load_file(tmp_path / run / stage / "model.safetensors") for run in ("alone", "two")
        )
        for name in ours:
            torch.testing.assert_close(theirs[name], ours[name], rtol=0, atol=ROUNDING)


def context(folder, method="progressive"):
    steps = {"start_steps": 4, "end_steps": 2, "export_steps": 2, "order": "shrink_first"}
    return Context(
        run=RunDirectory(folder),
        config={
            "trainer": {"threads": None, "lightning": {"devices": 1}},
            "distill": {"method": method} | steps,
        },
        progress=Progress(silent=True),
        corpus=FakeCorpus(),
        space=space(),
        labels=Labels((), ()),
    )


def test_a_baseline_that_fails_ends_the_run_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "core_to_spare", lambda trainer: True)
    monkeypatch.setattr(beside.sys, "executable", "/bin/false")
    sentence = "training the baseline failed: no message"
    with pytest.raises(UserError, match=sentence), beside.baseline_beside(context(tmp_path)):
        pass


def test_the_only_student_trains_in_sight(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(beside, "core_to_spare", lambda trainer: True)
    monkeypatch.setattr(beside.sys, "executable", "/bin/false")
    monkeypatch.setattr(beside, "train_regression", trained.append)
    with beside.baseline_beside(context(tmp_path, "regression")):
        assert not trained
    assert len(trained) == 1


def test_a_failing_round_stops_the_baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "core_to_spare", lambda trainer: True)
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nsleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(beside.sys, "executable", str(sleeper))
    began = time.monotonic()
    with pytest.raises(KeyError), beside.baseline_beside(context(tmp_path / "run")):
        raise KeyError
    assert time.monotonic() - began < 30
