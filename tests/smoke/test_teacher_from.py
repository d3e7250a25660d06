"""A run that takes its teacher from another gives what it would have given alone."""

import shutil

import pytest
from safetensors.torch import load_file

from distill.errors import UserError
from distill.pipeline.reuse import teacher_source
from distill.pipeline.runs import RunDirectory
from tests.smoke.runs import finish


def weights(run, stage):
    return load_file(run / stage / "model.safetensors")


def test_a_run_with_the_teacher_of_another_ends_with_the_same_student(tmp_path, cache, finished):
    said = finish(tmp_path / "second", cache, f"run.teacher_from={finished}")
    assert "teacher  complete already" in said, said
    assert (finished / "report" / "wall.json").exists()
    assert not (tmp_path / "second" / "report" / "wall.json").exists(), "it is not the whole job"
    for stage in ("teacher", "student"):
        ours, theirs = weights(tmp_path / "second", stage), weights(finished, stage)
        assert all(ours[name].equal(theirs[name]) for name in theirs), stage


@pytest.fixture
def config(finished):
    """The config of the finished run, to be changed."""
    found = RunDirectory(finished).config()
    found["run"]["teacher_from"] = str(finished)
    return found


def test_students_may_differ_and_teachers_may_not(config, finished):
    config["distill"]["lr"] *= 2
    config["budget"]["round_updates"] += 1
    source = teacher_source(config)
    assert source is not None and source.folder == finished
    steps = config["distill"]["start_steps"]
    config["distill"]["start_steps"] = 2 * steps
    with pytest.raises(UserError, match=rf"distill\.start_steps: {steps} -> {2 * steps}"):
        teacher_source(config)
    config["distill"]["start_steps"] = steps
    config["teacher"]["kwargs"]["layers"] = 7
    with pytest.raises(UserError, match=r"teacher\.kwargs\.layers: \d+ -> 7"):
        teacher_source(config)


def test_an_unfinished_teacher_is_refused(config, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "teacher" / "stage.json").unlink()
    config["run"]["teacher_from"] = str(tmp_path / "run")
    with pytest.raises(UserError, match="no finished teacher"):
        teacher_source(config)
    config["run"]["teacher_from"] = str(tmp_path / "nothing")
    with pytest.raises(UserError, match="not a run directory"):
        teacher_source(config)
