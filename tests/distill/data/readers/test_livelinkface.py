"""Takes of Live Link Face as the app leaves them, with a sound file beside."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from distill.audio.decode import write_wav
from distill.data.readers.livelinkface import open_livelinkface
from distill.errors import UserError
from distill.face.livelink import write_livelink_csv
from distill.face.names import ARKIT_CHANNELS
from tests.distill.face.test_livelink import counted, write

JAW = ARKIT_CHANNELS.index("jawOpen")


def take(folder: Path, name: str, frames: int = 90, fps: float = 60.0) -> Path:
    """A recording in which the jaw opens evenly, one tenth a second."""
    folder.mkdir(parents=True, exist_ok=True)
    motion = np.zeros((frames, 55), np.float32)
    motion[:, JAW] = np.arange(frames) / fps / 10
    write_livelink_csv(folder / f"{name}.csv", motion, fps)
    return folder / f"{name}.csv"


def sound(path: Path, seconds: float = 1.5) -> None:
    write_wav(path, 0.1 * np.sin(np.arange(round(seconds * 16_000)) / 20))


def ids(root: Path) -> list[str]:
    return [clip.id for clip in open_livelinkface(str(root)).clips]


def test_calibration_files_of_the_app_are_no_takes(tmp_path):
    for name in ("slate_1", "slate_1_raw", "slate_1_cal", "slate_1_neutral"):
        take(tmp_path / "1", name)
    (tmp_path / "1" / "notes.csv").write_text("a,b\n1,2\n")
    sound(tmp_path / "1" / "slate_1.wav")
    assert ids(tmp_path) == ["1/slate_1"]


def test_sound_is_that_of_the_same_name_or_the_only_one(tmp_path):
    for name in ("named", "only", "none", "several"):
        take(tmp_path / name, "a")
    sound(tmp_path / "named" / "a.wav", 1.0)
    sound(tmp_path / "named" / "other.wav", 0.5)
    sound(tmp_path / "only" / "voice.wav", 0.5)
    sound(tmp_path / "several" / "b.wav")
    sound(tmp_path / "several" / "c.wav")
    corpus = open_livelinkface(str(tmp_path))
    frames = {clip.id: clip.frames for clip in corpus.clips}
    assert frames == {"named/a": 30, "only/a": 15}


def test_takes_without_any_sound_say_so(tmp_path, shared_data):
    for path in (shared_data / "livelinkface").glob("*.csv"):
        shutil.copyfile(path, tmp_path / path.name)
    with pytest.raises(UserError, match="holds 2 Live Link Face recordings and none with a sound"):
        open_livelinkface(str(tmp_path))


def test_a_real_recording_with_a_sound_beside_keeps_its_values(tmp_path, shared_data):
    source = next((shared_data / "livelinkface").glob("*3*.csv"))
    shutil.copyfile(source, tmp_path / "a.csv")
    soundfile.write(tmp_path / "a.flac", np.zeros((48_000 * 20, 2)), 48_000)
    corpus = open_livelinkface(str(tmp_path))
    (clip,) = corpus.clips
    recording = corpus.read(clip)
    theirs = np.genfromtxt(source, delimiter=",", skip_header=1, usecols=range(2, 57))
    assert recording.motion is not None and recording.motion.shape == (clip.frames, 55)
    assert len(recording.audio) == clip.samples and clip.frames == 600
    np.testing.assert_allclose(recording.motion[0], theirs[0], atol=1e-6)
    errors = np.abs(recording.motion - theirs[: clip.frames])
    assert errors[:, :52].mean() < 0.002 and errors[:, 52:].mean() < 0.002


@pytest.mark.parametrize("recorded", [60.0, 30.0])
@pytest.mark.parametrize("wanted", [30.0, 25.0, 60.0])
def test_motion_keeps_its_time_at_any_rate(tmp_path, recorded, wanted):
    take(tmp_path, "a", frames=int(2 * recorded), fps=recorded)
    sound(tmp_path / "a.wav", 2.0)
    corpus = open_livelinkface(str(tmp_path), fps=wanted)
    motion = corpus.read(corpus.clips[0]).motion
    assert motion is not None and len(motion) == corpus.clips[0].frames
    assert len(motion) == int((2 - 1 / recorded) * wanted + 1e-6) + 1
    np.testing.assert_allclose(motion[:, JAW], np.arange(len(motion)) / wanted / 10, atol=1e-6)


def test_drop_frame_codes_do_not_let_motion_run_away_from_the_sound(tmp_path):
    source = counted("10:00:30:00", 30, 2)
    codes = [next(source) for _ in range(30 * 120)]
    write(tmp_path / "a.csv", codes)
    sound(tmp_path / "a.wav", 130.0)
    corpus = open_livelinkface(str(tmp_path))
    motion = corpus.read(corpus.clips[0]).motion
    assert motion is not None
    recorded = motion[:, JAW] * 1e4  # frame number at each thirtieth of a second
    np.testing.assert_allclose(recorded, np.arange(len(motion)) / 1.001, atol=0.05)
    assert len(motion) == int((30 * 120 - 1) * 1.001) + 1


def test_speakers_have_folders_only_above_those_of_takes(tmp_path):
    for place in ("ann/1", "bob/1", "3"):
        take(tmp_path / place, "a", frames=4)
        sound(tmp_path / place / "a.wav")
    clips = open_livelinkface(str(tmp_path)).clips
    assert {clip.id: clip.speaker for clip in clips} == {
        "3/a": "",
        "ann/1/a": "ann",
        "bob/1/a": "bob",
    }


def test_a_corpus_travels_to_other_processes(tmp_path):
    take(tmp_path, "a")
    sound(tmp_path / "a.wav")
    corpus = open_livelinkface(str(tmp_path))
    there = pickle.loads(pickle.dumps(corpus))
    ours, theirs = (each.read(each.clips[0]) for each in (corpus, there))
    np.testing.assert_array_equal(ours.motion, theirs.motion)
    np.testing.assert_array_equal(ours.audio, theirs.audio)
