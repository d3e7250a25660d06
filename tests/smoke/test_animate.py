import csv
import subprocess
import sys

import numpy as np
import pytest

from distill.audio.decode import write_wav


def animate(*words) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "distill.animate", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        write_wav(folder / f"{name}.wav", (0.1 * rng.standard_normal(16_000)).astype(np.float32))
    return folder


def test_a_folder_becomes_curves_with_names(finished, voice, tmp_path):
    done = animate(voice, "--checkpoint", finished / "student", "--out", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    for name in ("a", "b"):
        rows = list(csv.reader((tmp_path / "o" / f"{name}.csv").open()))
        assert rows[0][:2] == ["Timecode", "BlendShapeCount"] and "JawOpen" in rows[0]
        assert len(rows) == 31


def test_a_picture_with_sound_is_written(finished, voice, tmp_path):
    out = tmp_path / "face.mp4"
    done = animate(
        voice / "a.wav", "--checkpoint", finished / "student", "--out", out, "--size", "128"
    )
    assert done.returncode == 0, done.stderr
    import av

    with av.open(str(out)) as file:
        assert {stream.type for stream in file.streams} == {"video", "audio"}
        assert file.streams.video[0].width == 128


def test_persona_emotion_strength_and_seed_reach_the_curves(finished, voice, tmp_path):
    from distill import load

    bank = load(finished / "student").bank
    made = {}
    for label, words in {
        "plain": [],
        "again": [],
        "seed": ["--seed", "3"],
        "persona": ["--persona", bank.identities[0]],
        "recording": ["--persona", voice / "b.wav"],
        "emotion": ["--emotion", bank.emotions[-1]],
        "strength": ["--strength", "2"],
    }.items():
        out = tmp_path / f"{label}.npz"
        done = animate(voice / "a.wav", "--checkpoint", finished / "student", "--out", out, *words)
        assert done.returncode == 0, done.stderr
        made[label] = np.load(out)["motion"]
    assert np.array_equal(made["plain"], made["again"])
    for label in ("seed", "persona", "recording", "emotion", "strength"):
        assert not np.array_equal(made["plain"], made[label]), label


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["missing.wav"], "does not exist"),
        (["a.wav", "--persona", "nobody"], "unknown persona 'nobody'"),
        (["a.wav", "--emotion", "hungry"], "unknown emotion 'hungry'"),
        (["a.wav", "--backend", "onnx"], "python -m distill.export"),
        (["a.wav", "--out", "x.docx"], "unknown format"),
        (["a.wav", "b.wav", "--out", "x.csv"], "one file for 2 inputs"),
        (["a.wav", "--steps", "9"], "distilled for 2 step"),
        (["a.wav", "--strength", "-1"], "not between 0 and 5"),
        (["a.wav", "--rig", "landmarks"], "channels of rig 'arkit'"),
        (["bad.wav"], "bad.wav"),
        (["empty.wav"], "empty.wav"),
    ],
)
def test_mistakes_are_one_sentence(finished, voice, words, sentence):
    (voice / "bad.wav").write_bytes(b"this is no sound at all")
    (voice / "empty.wav").write_bytes(b"")
    paths = [voice / w if str(w).endswith(".wav") else w for w in words]
    done = animate(*paths, "--checkpoint", finished / "student")
    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr
    (voice / "bad.wav").unlink()
    (voice / "empty.wav").unlink()


def test_a_missing_checkpoint_is_one_sentence(voice, tmp_path):
    done = animate(voice / "a.wav", "--checkpoint", tmp_path)
    assert done.returncode == 2 and "not a model folder" in done.stderr
