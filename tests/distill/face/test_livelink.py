"""Time codes of recordings: seconds since the first frame, whatever the labels do."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from distill.errors import UserError
from distill.face.livelink import COLUMNS, read_livelink_csv, read_livelink_frames
from distill.face.names import ARKIT_CHANNELS

HERE = Path("a.csv")


def label(count: int, base: int, day: bool = True) -> str:
    seconds, frame = divmod(count, base)
    hours = seconds // 3600 % 24 if day else seconds // 3600
    return f"{hours:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.000"


def counted(first: str, base: int, drop: int, step: int = 1) -> Iterator[str]:
    """Labels of a camera, by the rule itself: count up, skip the first of a minute."""
    hours, minutes, seconds, frame = map(int, first.split(":"))
    count = ((hours * 60 + minutes) * 60 + seconds) * base + frame
    skipped = 0
    while True:
        minute, rest = divmod(count, 60 * base)
        if rest < drop and minute % 10:
            count += drop - rest
            continue
        if skipped % step == 0:
            yield label(count, base)
        skipped += 1
        count += 1


def write(path: Path, codes: list[str]) -> np.ndarray:
    """Write a recording whose frames count up in `jawOpen` and `headYaw`."""
    motion = np.zeros((len(codes), len(ARKIT_CHANNELS)), np.float32)
    motion[:, ARKIT_CHANNELS.index("jawOpen")] = np.arange(len(codes)) / 1e4
    motion[:, ARKIT_CHANNELS.index("headYaw")] = np.arange(len(codes)) / -1e4
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendShapeCount", *COLUMNS])
        for code, row in zip(codes, motion, strict=True):
            writer.writerow([code, len(COLUMNS), *(f"{v:.10f}" for v in row), *[0.1] * 6])
    return motion


@pytest.mark.parametrize("first", ["10:00:50:00", "10:08:50:00", "10:09:50:00", "23:59:50:00"])
@pytest.mark.parametrize(
    ("base", "drop", "step", "fps"),
    [
        (30, 2, 1, 30 / 1.001),
        (60, 4, 1, 60 / 1.001),
        (60, 4, 2, 30 / 1.001),
        (30, 0, 1, 30.0),
        (60, 0, 1, 60.0),
        (60, 0, 2, 30.0),
        (25, 0, 1, 25.0),
    ],
)
def test_frames_are_evenly_spaced_whatever_labels_are_skipped(
    tmp_path, first, base, drop, step, fps
):
    source = counted(first, base, drop, step)
    codes = [next(source) for _ in range(int(80 * base / step))]
    motion = write(tmp_path / HERE, codes)
    read, times_s = read_livelink_frames(tmp_path / HERE)
    np.testing.assert_allclose(read, motion, atol=1e-7)
    crossed = {code[3:5] for code in codes} - {codes[0][3:5]}
    if drop and all(int(minute) % 10 == 0 for minute in crossed):
        fps *= 1.001  # nothing was skipped: drop-frame labels look like whole ones
    np.testing.assert_allclose(times_s, np.arange(len(codes)) / fps, atol=1e-6)
    assert read_livelink_csv(tmp_path / HERE)[1] == pytest.approx(fps, rel=1e-9)


def test_a_semicolon_says_drop_frame(tmp_path):
    write(tmp_path / HERE, [f"01:02:{3 + i // 30:02d};{i % 30:02d}" for i in range(60)])
    np.testing.assert_allclose(
        read_livelink_frames(tmp_path / HERE)[1], np.arange(60) * 1.001 / 30, atol=1e-9
    )


def test_frames_that_the_phone_left_out_leave_a_gap(tmp_path):
    source = counted("10:00:58:00", 60, 0)
    codes = [next(source) for _ in range(400)]
    kept = [i for i in range(400) if not 100 <= i < 250 and i % 17]
    write(tmp_path / HERE, [codes[i] for i in kept])
    _, times_s = read_livelink_frames(tmp_path / HERE)
    np.testing.assert_allclose(times_s, (np.array(kept) - kept[0]) / 60, atol=1e-9)


def test_a_gap_at_a_minute_is_no_drop_frame(tmp_path):
    source = counted("10:00:58:00", 60, 0, 2)
    codes = [next(source) for _ in range(180)]
    kept = [i for i in range(180) if not 58 <= i < 70]
    write(tmp_path / HERE, [codes[i] for i in kept])
    _, times_s = read_livelink_frames(tmp_path / HERE)
    np.testing.assert_allclose(times_s, np.array(kept) / 30, atol=1e-9)


def test_real_recordings_run_at_30_with_their_jitter(shared_data):
    for path in sorted((shared_data / "livelinkface").glob("*.csv")):
        motion, times_s = read_livelink_frames(path)
        assert motion.shape == (600, 55) and times_s[0] == 0.0
        np.testing.assert_allclose(times_s, np.arange(600) / 30, atol=0.1)
        assert np.diff(times_s).min() > 0.03


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (["00:00:00:00.0", "00:00:00:01"], None),
        (["00:00:00:00", "noon"], "'noon' is not of the form hh:mm:ss:ff"),
        (["00:00:00:05", "00:00:00:02"], "goes back from 00:00:00:05 to 00:00:00:02"),
    ],
)
def test_codes_of_another_form_or_order_are_refused(tmp_path, codes, said):
    write(tmp_path / HERE, codes)
    if said is None:
        assert len(read_livelink_frames(tmp_path / HERE)[1]) == 2
        return
    with pytest.raises(UserError, match=said):
        read_livelink_frames(tmp_path / HERE)
