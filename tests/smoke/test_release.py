import subprocess

import numpy as np
import pytest

from distill import load
from distill.compress.check import measure_check, read_check
from distill.errors import UserError
from distill.release import MOST_BYTES, SUMS, release
from tests.distill.test_talker import speech


@pytest.fixture(scope="module")
def shipped(finished, tmp_path_factory):
    """The student of a smoke run, released without real recordings at hand."""
    into = tmp_path_factory.mktemp("pretrained")
    return release(finished, into, "tiny", into / "no-data")


def test_a_release_is_complete_and_small(shipped):
    names = {path.name for path in shipped.iterdir()}
    assert {"model.safetensors", "model.int8.onnx", "config.json", "README.md", SUMS} <= names
    assert [path.name for path in shipped.parent.iterdir()] == ["tiny"]
    assert sum(path.stat().st_size for path in shipped.iterdir()) <= MOST_BYTES


def test_hashes_are_those_of_the_files(shipped):
    command = ["sha256sum", "--check", "--strict", SUMS]
    assert subprocess.run(command, cwd=shipped, capture_output=True).returncode == 0


def test_both_backends_speak_from_one_folder(shipped):
    ours, theirs = (load(shipped, b).generate(speech(1)).values for b in ("torch", "onnx"))
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() < 0.2


def test_the_check_gives_what_the_release_found(shipped):
    for backend, found in read_check(shipped).items():
        assert measure_check(shipped, backend) == pytest.approx(found, rel=1e-4, abs=1e-6)


def test_the_card_says_what_it_is_and_how_it_does(shipped):
    card = (shipped / "README.md").read_text()
    assert card.startswith("# tiny\n")
    heads = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert {"What it is", "Compressed", "Check", "Voices and languages", "Licence"} <= set(heads)
    assert "known failures\nNot measured" in card


def test_an_unmeasured_run_is_not_released(tmp_path, finished):
    import shutil

    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "student" / "README.md").unlink()
    with pytest.raises(UserError, match="has no card"):
        release(tmp_path / "run", tmp_path / "out", "tiny", tmp_path)
    assert not (tmp_path / "out").exists()
