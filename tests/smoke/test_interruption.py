"""SIGKILL at any moment, then the same command: the same weights."""

import signal
import time

from safetensors.torch import load_file

from tests.smoke.runs import finish, start

QUICK = ("trainer.checkpoint_every_s=0.2", "budget.teacher_updates=40", "distill.end_steps=2")


def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, cache):
    finish(tmp_path / "whole", cache, *QUICK)
    victim = start(tmp_path / "killed", cache, *QUICK)
    checkpoint = tmp_path / "killed" / "teacher" / "last.ckpt"
    deadline = time.monotonic() + 200
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert victim.poll() is None and checkpoint.exists()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not (tmp_path / "killed" / "teacher" / "stage.json").exists()
    finish(tmp_path / "killed", cache, *QUICK)
    for stage in ("teacher", "round_00_4to4", "round_01_4to2", "regression", "student"):
        whole, resumed = (
            load_file(tmp_path / name / stage / "model.safetensors") for name in ("whole", "killed")
        )
        assert whole.keys() == resumed.keys()
        for name in whole:
            assert whole[name].equal(resumed[name]), (stage, name)
