from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.video import (
    LABEL_PX,
    comparison_clip,
    comparison_sheet,
    eyes_box,
    side_by_side,
    write_video,
)
from distill.errors import UserError
from tests.benchmarks.fakes import FPS, TinyRig, recording, space

SIZE = (64, 64)
LIDDED = ("jawOpen", "eyeBlinkLeft", "browUp", "headYaw")


@pytest.fixture(autouse=True)
def _flat_face(monkeypatch):
    """Paint a face of one grey per frame, the jaw opening as brightness, and one eye."""

    def frames(rig, motion, *, size=(512, 512)):
        for values in motion:
            grey = int(200 * float(values[0].clamp(0, 1)))
            picture = np.full((size[1], size[0], 3), grey, np.uint8)
            if rig.channels == LIDDED:
                picture[size[1] // 4, 20:60] = int(255 * float(values[1]))
            yield picture

    monkeypatch.setattr("benchmarks.video.render_frames", frames)
    monkeypatch.setattr(
        "benchmarks.video.render_image",
        lambda rig, values, size: next(frames(rig, values[None], size=size)),
    )


def motions():
    real = recording(0)[1]
    return {"real": real, "teacher-16": np.zeros_like(real), "student-2": np.ones_like(real)}


def test_faces_stand_side_by_side_in_the_order_given():
    frame = next(side_by_side(space(), motions(), SIZE))
    left, middle, right = (frame[-1, 64 * k + 32, 0] for k in range(3))
    assert frame.shape[1] == 3 * 64
    assert middle == 0
    assert right == 200
    assert left == int(200 * float(torch.tensor(recording(0)[1][0, 0]).clamp(0, 1)))


def test_the_eyes_stand_enlarged_below_the_face(monkeypatch):
    assert eyes_box(space(), SIZE) is None
    monkeypatch.setattr(TinyRig, "channels", LIDDED)
    rows, columns = eyes_box(space(), (128, 128))
    assert rows.start < 32 < rows.stop and columns.start <= 20 and columns.stop >= 60
    assert columns.stop - columns.start == 50  # a quarter more than the 40 pixels of the lids
    plain, blink = np.zeros((2, 1, 4), np.float32)
    blink[:, 1] = 1.0
    frame = next(side_by_side(space(), {"a": plain, "b": blink}, SIZE))
    strip = frame[LABEL_PX + SIZE[1] :]
    assert len(strip) % 2 == 0 and len(strip) > 0.4 * SIZE[0]
    assert strip[:, :64].max() == 0 and strip[len(strip) // 2, 96].max() > 50


def test_the_clip_has_every_frame_and_all_the_sound(tmp_path):
    audio, _ = recording(0)
    path = comparison_clip(space(), motions(), audio, tmp_path / "clip.mp4", size=SIZE)
    with av.open(str(path)) as file:
        assert file.streams.video[0].average_rate == Fraction(30)
        assert sum(1 for _ in file.decode(video=0)) == 60
    with av.open(str(path)) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert samples == pytest.approx(3 * len(audio), abs=3 * 1024)


def test_the_sheet_shows_the_same_moments_of_every_motion(tmp_path):
    path = comparison_sheet(space(), motions(), tmp_path / "s.png", frames=4, size=SIZE)
    with Image.open(path) as sheet:
        assert sheet.width == 4 * 64
        assert sheet.height >= 3 * 64


def test_a_video_without_frames_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="without frames"):
        write_video(tmp_path / "empty.mp4", [], FPS, np.zeros(0, np.float32))
    assert list(tmp_path.iterdir()) == []
