import io

from rich.console import Console

from distill.training.fit import fit
from distill.training.progress import Progress, duration, speed
from tests.distill.training.toy import Toy, toy_data


class _Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _reporter(stages=(), *, terminal: bool = False, **options):
    clock, text = _Clock(), io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=200)
    return Progress(stages, console=console, clock=clock, **options), clock, text


def test_lines_are_rare_and_hold_stage_loss_speed_and_eta():
    reporter, clock, text = _reporter(["data", "teacher"])
    reporter.skip("data")
    with reporter.stage("teacher", 100, unit="update") as stage:
        for _ in range(100):
            clock.now_s += 1.0
            stage.advance(loss=0.125)
    lines = text.getvalue().splitlines()
    assert lines[0] == "data  complete already"
    assert lines[1] == "[2/2] teacher  started"
    assert lines[2] == "[2/2] teacher  10/100 (10%)  loss 0.125  1.0 update/s  ETA 1:30"
    assert lines[-1] == "teacher  100/100 (100%)  loss 0.125  1.0 update/s  1:40"
    assert len(lines) == 2 + 9 + 1


def test_fast_stages_write_only_their_ends():
    reporter, clock, text = _reporter()
    with reporter.stage("evaluation", 1000) as stage:
        for _ in range(1000):
            clock.now_s += 0.001
            stage.advance()
    assert len(text.getvalue().splitlines()) == 2


def test_speed_counts_this_attempt_only():
    reporter, clock, _ = _reporter()
    with reporter.stage("teacher", 100) as stage:
        stage.resume_at(90)
        clock.now_s += 2.0
        stage.advance(4)
        assert stage.done == 94 and stage.per_s == 2.0


def test_a_terminal_shows_bars_and_keeps_a_line():
    reporter, clock, text = _reporter(["a", "b"], terminal=True)
    for name in ("a", "b"):
        with reporter.stage(name, 3) as stage:
            clock.now_s += 1.5
            stage.advance(3, loss=1.0)
            with reporter.stage("inside", 1) as inner:
                inner.advance()
    shown = text.getvalue()
    assert "stages" in shown and "inside" in shown
    assert "b  3/3 (100%)  loss 1  2.0 it/s" in shown


def test_a_failing_stage_closes_its_bar_and_lets_the_error_through():
    reporter, _, text = _reporter(terminal=True)
    try:
        with reporter.stage("a", 3):
            raise ValueError("broken")
    except ValueError:
        pass
    with reporter.stage("b", 1) as stage:
        stage.advance()
    assert "b  1/1" in text.getvalue()


def test_a_silent_reporter_writes_nothing(capfd):
    with Progress(silent=True).stage("a", 1) as stage:
        stage.advance()
    assert capfd.readouterr() == ("", "")


def test_a_trainer_drives_the_stage_and_lightning_says_nothing_itself(tmp_path, capfd):
    reporter, _, text = _reporter()
    for _ in range(2):
        with reporter.stage("teacher", 5) as stage:
            fit(Toy(5), toy_data(), folder=tmp_path, updates=5, progress=stage)
        assert stage.done == 5
    assert "loss" in text.getvalue()
    assert capfd.readouterr() == ("", "")


def test_units_stay_readable():
    assert duration(59.6) == "1:00" and duration(3661.0) == "1:01:01"
    assert speed(0.25, "update") == "4.0 s/update" and speed(3.0, "it") == "3.0 it/s"
