from fractions import Fraction

import pytest

from distill.audio.frames import exact_fps, frames_for, sample_at
from distill.errors import UserError


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (30, Fraction(30)),
        (25.0, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_a_rate_is_an_exact_ratio(fps, exact):
    assert exact_fps(fps) == exact


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 60, 59.94])
def test_no_drift_over_an_hour(fps):
    ratio = exact_fps(fps)
    last = int(3600 * ratio)
    for frame in (0, 1, 2, 1000, last - 1, last):
        exact_sample = frame * 16000 / ratio
        assert 0 <= exact_sample - sample_at(frame, fps) < 1


@pytest.mark.parametrize("fps", [25, 29.97, 30])
def test_frames_cover_the_samples_and_no_more(fps):
    for samples in (1, 2, 533, 534, 1066, 1067, 16000, 16001, 57_600_000):
        frames = frames_for(samples, fps)
        covered = frames * 16000 / exact_fps(fps)
        assert covered >= samples
        assert frames == 1 or covered - 16000 / exact_fps(fps) < samples


def test_there_is_always_a_frame():
    assert frames_for(0, 30) == 1


def test_a_frame_starts_where_its_samples_start():
    assert [sample_at(frame, 30) for frame in range(4)] == [0, 533, 1066, 1600]


@pytest.mark.parametrize("fps", [0, -1, 0.5, 1e6, float("nan")])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(UserError, match="outside 1 to 1000"):
        exact_fps(fps)
