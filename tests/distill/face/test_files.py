import csv
from pathlib import Path

import av
import numpy as np
import pytest

from distill.errors import UserError
from distill.face.files import read_livelink_csv, read_npz, write_motion
from distill.face.livelink import COLUMNS, timecode
from distill.face.names import ARKIT_CHANNELS
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace


def space(fps: float = 30.0) -> MotionSpace:
    return MotionSpace.identity(load_rig("arkit"), fps)


def motion(frames: int = 12) -> np.ndarray:
    values = np.random.default_rng(3).random((frames, 55)).astype(np.float32)
    values[:, 52:] -= 0.5
    return values


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 60.0])
@pytest.mark.parametrize("frames", [2, 40, 90])
def test_csv_round_trips_motion_and_rate(tmp_path: Path, fps: float, frames: int):
    values = motion(frames)
    write_motion(tmp_path / "a.csv", values, space(fps))
    read, rate = read_livelink_csv(tmp_path / "a.csv")
    np.testing.assert_allclose(read, values, atol=1e-7)
    assert rate == fps


def test_csv_has_the_layout_of_a_real_recording(tmp_path: Path, shared_data: Path):
    real = sorted((shared_data / "livelinkface").glob("*.csv"))[0]
    read, fps = read_livelink_csv(real)
    assert (read.shape, fps) == ((600, 55), 30.0)
    write_motion(tmp_path / "a.csv", read, space(fps))
    with open(real, newline="") as theirs, open(tmp_path / "a.csv", newline="") as ours:
        expected, rows = list(csv.DictReader(theirs)), list(csv.DictReader(ours))
    assert list(rows[0]) == list(expected[0])
    for i in (0, 299, 599):
        assert rows[i]["BlendShapeCount"] == expected[i]["BlendShapeCount"]
        for name in ("JawOpen", "MouthClose", "EyeBlinkLeft", "TongueOut", "HeadYaw"):
            assert float(rows[i][name]) == pytest.approx(float(expected[i][name]), abs=1e-6)
    for name in ("LeftEyeYaw", "RightEyeYaw", "LeftEyePitch"):
        a = [float(r[name]) for r in rows]
        b = [float(r[name]) for r in expected]
        assert np.corrcoef(a, b)[0, 1] > 0.98, name


def test_time_code_counts_sixtieths():
    assert timecode(0, 30.0) == "00:00:00:00.000"
    assert timecode(31, 30.0) == "00:00:01:02.000"
    assert timecode(1, 25.0) == "00:00:00:02.400"
    assert timecode(30 * 3725, 30.0) == "01:02:05:00.000"
    assert len(COLUMNS) == 61


def test_npz_round_trips_with_names_fps_and_rig(tmp_path: Path):
    values = motion()
    write_motion(tmp_path / "a.npz", values, space(25.0))
    read = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(read["motion"], values)
    assert read["names"] == ARKIT_CHANNELS
    assert (read["fps"], read["rig"]) == (25.0, "arkit")


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_mp4_shows_a_face_with_sound_of_the_same_length(tmp_path: Path, fps: float):
    frames = 20
    tone = 0.3 * np.sin(np.arange(16_000 * 3) / 8).astype(np.float32)
    write_motion(tmp_path / "a.mp4", motion(frames), space(fps), audio=tone, title="hello")
    with av.open(str(tmp_path / "a.mp4")) as container:
        durations = [float(s.duration * s.time_base) for s in container.streams if s.duration]
        assert len(durations) == 2
        assert abs(durations[0] - durations[1]) < 1 / fps
        assert durations[0] == pytest.approx(frames / fps, abs=1e-3)
        assert container.metadata["title"] == "hello"
        images = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with av.open(str(tmp_path / "a.mp4")) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert len(images) == frames
    assert all(image.std() > 20 for image in images)
    assert np.abs(images[0].astype(int) - images[-1]).max() > 30
    assert np.sqrt((sound**2).mean()) > 0.1


def test_gif_has_every_frame_and_the_right_length(tmp_path: Path):
    from PIL import Image

    write_motion(tmp_path / "a.gif", motion(9), space(30.0))
    with Image.open(tmp_path / "a.gif") as image:
        frames = getattr(image, "n_frames", 1)
        total_ms = 0
        for i in range(frames):
            image.seek(i)
            total_ms += image.info["duration"]
        assert np.asarray(image.convert("RGB")).std() > 20
    assert (frames, total_ms) == (9, 300)


def test_an_odd_size_of_mp4_grows_by_a_pixel(tmp_path: Path):
    write_motion(tmp_path / "a.mp4", motion(2), space(), size=33)
    with av.open(str(tmp_path / "a.mp4")) as container:
        (video,) = container.streams.video
        assert (video.width, video.height) == (34, 34)


def test_a_gif_that_would_fill_memory_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"9 frames of 8192 x 8192 pixels .* limit of 8; write mp4"):
        write_motion(tmp_path / "a.gif", motion(9), space(), size=8192)
    assert not list(tmp_path.iterdir())


def test_unknown_suffix_names_the_allowed_ones(tmp_path: Path):
    with pytest.raises(UserError, match=r"\.csv, \.npz, \.mp4, \.gif"):
        write_motion(tmp_path / "a.avi", motion(), space())


@pytest.mark.parametrize("bad", [np.zeros((0, 55)), np.full((2, 55), np.nan), np.zeros((2, 7))])
def test_bad_motion_is_refused_and_leaves_nothing(tmp_path: Path, bad: np.ndarray):
    with pytest.raises(UserError):
        write_motion(tmp_path / "a.csv", bad.astype(np.float32), space())
    assert not list(tmp_path.iterdir())


def test_broken_files_are_one_clear_sentence(tmp_path: Path):
    (tmp_path / "a.csv").write_text("Timecode,BlendShapeCount\n")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not a zip")
    for read, name in ((read_livelink_csv, "a.csv"), (read_npz, "a.npz")):
        with pytest.raises(UserError, match=name):
            read(tmp_path / name)
        with pytest.raises(UserError, match="missing"):
            read(tmp_path / f"missing{name}")
    write_motion(tmp_path / "b.csv", motion(), space())
    text = (tmp_path / "b.csv").read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join([*text[:3], text[3].replace("0.", "x", 1)]))
    with pytest.raises(UserError, match="row"):
        read_livelink_csv(tmp_path / "b.csv")
