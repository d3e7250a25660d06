"""An exported folder in a process that cannot import torch nor the other heavy libraries."""

import csv
import subprocess
import sys

import numpy as np
import pytest

from distill import load
from distill.audio.decode import load_audio, write_wav
from distill.face.files import read_npz
from distill.storage import read_json
from tests.distill.test_talker import speech

HIDDEN = ("torch", "pytorch_lightning", "lightning", "torchmetrics", "transformers", "scipy",
          "sklearn", "onnx", "onnxscript", "numba", "matplotlib", "wandb", "hydra")  # fmt: skip
SCRIPT = f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HIDDEN}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
from importlib import import_module
sys.exit(import_module(sys.argv[1]).main(sys.argv[2:]))
"""


def run(*words):
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def animate(*words):
    return run("distill.animate", *words)


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    path = tmp_path_factory.mktemp("voice") / "a.wav"
    write_wav(path, speech(1.5))
    return path


def test_curves_are_those_of_torch(student, exported, voice, tmp_path):
    out = tmp_path / "a.npz"
    done = animate(voice, "--backend", "onnx", "--checkpoint", exported, "--out", out, "--seed", 4)
    assert done.returncode == 0, done.stderr
    expected = load(student).generate(load_audio(voice), seed=4).values
    np.testing.assert_allclose(read_npz(out)["motion"], expected, atol=2e-5)


def test_personas_by_name_and_recording_and_csv_work(exported, voice, tmp_path):
    common = (voice, "--backend", "onnx", "--checkpoint", exported, "--out")
    for label, words in {"name": ("--persona", "ann"), "recording": ("--persona", voice)}.items():
        done = animate(*common, tmp_path / f"{label}.csv", *words, "--strength", 1.5)
        assert done.returncode == 0, done.stderr
        rows = list(csv.reader((tmp_path / f"{label}.csv").open()))
        assert len(rows) == 46 and "JawOpen" in rows[0]


def test_a_picture_needs_what_is_missing_and_says_so(exported, voice, tmp_path):
    out = tmp_path / "a.mp4"
    done = animate(voice, "--backend", "onnx", "--checkpoint", exported, "--out", out)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "is not installed and shaping a face needs it" in done.stderr and not out.exists()


def test_an_export_is_timed_alone_in_its_process(exported, tmp_path):
    out = tmp_path / "speed.json"
    words = ("--checkpoint", exported, "--backend", "onnx", "--threads", 1, 2, "--limit-s", 0)
    done = run("benchmarks.speed", *words, "--seconds", 1, "--json", out)
    assert done.returncode == 0, done.stderr
    found = read_json(out)
    assert found["calls"] == 2 and all(found[f"threads_{n}"]["p50_ms"] > 0 for n in (1, 2))
