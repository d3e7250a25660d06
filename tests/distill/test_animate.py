import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill import load
from distill.animate import FORMATS, main
from distill.face.files import read_livelink_csv, read_npz
from tests.distill.face.test_animated import Glb
from tests.distill.test_talker import save
from tests.streaming import speech

SECONDS = 1.01  # more than 30 frames and less than 31


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def wav(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("voice") / "speech.wav"
    soundfile.write(path, speech(SECONDS), 16_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize(("fps", "frames"), [(24, 25), (25, 26), (30, 31), (60, 61)])
def test_any_rate_covers_the_sound_with_the_same_motion(
    model, wav, tmp_path, fps: int, frames: int
):
    words = [str(wav), "--checkpoint", str(model), "--persona", "ann", "--fps", str(fps)]
    assert main([*words, "--out", str(tmp_path / "a.npz")]) == 0
    assert main([*words, "--out", str(tmp_path / "a.csv")]) == 0
    read = read_npz(tmp_path / "a.npz")
    motion, rate = read_livelink_csv(tmp_path / "a.csv")
    assert read["fps"] == rate == fps and len(motion) == frames
    np.testing.assert_allclose(motion, read["motion"], atol=1e-6)
    own = load(model).generate(wav, persona="ann")
    assert motion[:, :52].min() >= 0 and motion[:, :52].max() <= 1
    linear = [np.interp(np.arange(frames) / fps, np.arange(31) / 30, c) for c in own.values.T]
    np.testing.assert_allclose(motion.mean(0), np.mean(linear, 1), atol=0.02)
    if fps == 30:
        np.testing.assert_allclose(motion, own.values, atol=1e-6)


def test_every_format_is_written_at_the_rate_that_was_asked_for(model, wav, tmp_path, capsys):
    for form in FORMATS:
        words = [str(wav), "--checkpoint", str(model), "--fps", "24", "--size", "32"]
        assert main([*words, "--out", str(tmp_path), "--format", form]) == 0, form
        written = Path(capsys.readouterr().out.strip())
        assert written.exists() and not list(tmp_path.glob(".tmp-*"))
        if form in ("obj", "ply"):
            assert written == tmp_path / "speech" and len(list(written.iterdir())) == 25
        else:
            assert written == tmp_path / f"speech.{form}"
    times_s, _ = Glb(tmp_path / "speech.glb").tracks()[0, "weights"]
    np.testing.assert_allclose(times_s, [*(np.arange(25) / 24), SECONDS], atol=1e-6)


def test_another_rate_without_scipy_is_one_sentence(model, wav, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "scipy.signal", None)  # as if it were not installed
    words = [str(wav), "--checkpoint", str(model), "--out", str(tmp_path / "a.csv")]
    assert main([*words, "--fps", "24"]) == 2
    assert "another frame rate needs scipy" in capsys.readouterr().err
    assert main(words) == 0


@pytest.mark.parametrize(
    "words", ["talk.mp4 --format mp4", "./talk.mp4 --out talk.mp4", ". --format mp4 --out ."]
)
def test_an_input_is_never_replaced(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    talk = Path("talk.mp4")
    talk.write_bytes(b"dear")
    assert main(words.split()) == 2
    assert "talk.mp4 would replace an input; name another" in capsys.readouterr().err
    assert talk.read_bytes() == b"dear"


def test_what_cannot_be_written_is_one_sentence(model, wav, tmp_path, capsys):
    words = [str(wav), "--checkpoint", str(model)]
    assert main([*words, "--out", str(tmp_path / "a.fbx")]) == 2
    assert "unknown format; use one of csv, npz, mp4, gif, glb" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, "--fps", "23"])
    assert "--fps" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
