"""Every model that ships: whole, small enough, what its card says, and used without training."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from benchmarks.live_quality import one_minute
from distill import load
from distill.compress.check import check_clips, measure_check, read_check
from distill.compress.parity import LipError
from distill.errors import UserError
from distill.folder import CARD, CONFIG, DEFAULT_MODEL, SHIPPED, WEIGHTS, shipped_models
from distill.release import SUMS
from tests.distill.test_talker import speech

MODELS = shipped_models()
INT8 = {"small": "model.int8.onnx", "stream": "stream.int8.onnx"}
MOST_WANDERING = 1.5
"""Ten seconds of one voice differ by their noise; a stream that drifts off does by factors."""
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from distill.animate import main; "


def test_the_default_model_ships():
    assert DEFAULT_MODEL in MODELS


@pytest.mark.parametrize("name", MODELS)
def test_sizes_are_within_what_was_promised(name):
    files = {path.name: path.stat().st_size for path in (SHIPPED / name).iterdir()}
    assert files[INT8[name]] < 2_000_000
    assert files[WEIGHTS] < 9_000_000
    assert sum(files.values()) < 15_000_000


@pytest.mark.parametrize("name", MODELS)
def test_hashes_cover_every_file_and_hold(name):
    folder = SHIPPED / name
    listed = {line.split("  ")[1] for line in (folder / SUMS).read_text().splitlines()}
    assert listed == {path.name for path in folder.iterdir()} - {SUMS}
    command = ["sha256sum", "--check", "--strict", "--quiet", SUMS]
    assert subprocess.run(command, cwd=folder, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_the_lip_error_in_the_card_comes_out_again(name, backend):
    written = read_check(SHIPPED / name)[backend]
    found = measure_check(SHIPPED / name, backend)
    assert abs(found["mean"] - written["mean"]) <= max(written["std"], 0.01 * written["mean"])


def test_no_voice_drifts_away_from_its_own_motion():
    talker, seeds = load("stream", "onnx"), (0, 1)
    lips = LipError(talker)
    for clip in check_clips(SHIPPED / "stream"):
        audio, motion = one_minute(clip, talker.fps)
        made = talker.generate_batch(audio, talker.persona(clip.audio), seeds=seeds)
        parts = np.split(np.arange(len(motion)), 6)
        errors = np.array([[lips([row[part]], [motion[part]]) for part in parts] for row in made])
        assert errors.max() < MOST_WANDERING * np.median(errors)


@pytest.mark.parametrize("name", MODELS)
def test_the_card_answers_what_users_ask(name):
    card = (SHIPPED / name / CARD).read_text().lower()
    for word in ("licence", "voices", "languages", "failures", "commit", "seed", "distill.run"):
        assert word in card


@pytest.mark.parametrize("file", [WEIGHTS, INT8[DEFAULT_MODEL]])
def test_one_changed_byte_is_refused(tmp_path, file):
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED / DEFAULT_MODEL, folder)
    content = bytearray((folder / file).read_bytes())
    content[-100] ^= 1
    (folder / file).write_bytes(content)
    backend = "torch" if file == WEIGHTS else "onnx"
    with pytest.raises(UserError, match="changed or damaged"):
        load(folder, backend).generate(speech(1))
    assert (folder / CONFIG).is_file()


def test_a_wav_becomes_motion_without_training_and_without_torch(tmp_path):
    soundfile.write(tmp_path / "speech.wav", speech(2), 16000)
    words = ["speech.wav", "--out", "motion.npz", "--backend", "onnx"]
    done = subprocess.run(
        [sys.executable, "-c", f"{WITHOUT_TORCH}sys.exit(main({words!r}))"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SHIPPED.parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "motion.npz") as motion:
        assert any(len(array) == 60 for array in motion.values() if array.ndim == 2)
