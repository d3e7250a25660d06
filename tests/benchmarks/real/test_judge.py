import numpy as np
import pytest

from benchmarks.real.judge import closures, followed
from benchmarks.real.sources import Curve
from distill.types import Interval

FPS = 30.0


def phone(label, first, last):
    """Return a phone strictly inside these frames."""
    return Interval(label=label, start_s=(first + 0.2) / FPS, end_s=(last - 0.2) / FPS)


def gap_with(dips):
    gap = np.full(60, 8.0)
    gap[:3] = 10.0
    for frame, depth in dips.items():
        gap[frame] = depth
    return gap


def test_bilabials_close_and_vowels_open_on_the_clips_own_scale():
    gap = gap_with({10: 0.0, 20: 4.0, 30: 1.0, 31: 1.0, 32: 1.0})
    phones = phone("b", 9, 11), phone("m", 19, 21), phone("aa", 30, 32), phone("ay", 40, 44)
    found = closures(gap, phones, FPS, 0.0)
    assert (found["bilabials"], found["closed"]) == (2, 1)
    assert (found["vowels"], found["opened"]) == (2, 1)
    assert found["bilabial_level"] == pytest.approx(0.2, abs=0.01)
    assert closures(7 * gap, phones, FPS, 0.0) == pytest.approx(found)


def test_a_mouth_that_never_comes_near_rest_is_not_closed_at_its_smallest():
    phones = (phone("p", 9, 11),)
    assert closures(gap_with({10: 5.0}), phones, FPS, 0.0)["closed"] == 0
    assert closures(gap_with({10: 5.0}), phones, FPS, 5.0)["closed"] == 1


def test_a_still_mouth_neither_closes_nor_opens():
    phones = phone("p", 9, 11), phone("aa", 20, 24)
    found = closures(np.zeros(60), phones, FPS, 0.0)
    assert (found["closed"], found["opened"]) == (0, 0)


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0, 30000 / 1001])
def test_a_recorded_mouth_is_compared_at_its_own_frame_times(fps):
    def wave(time_s):
        return 3 + np.sin(2 * np.pi * 1.7 * time_s) + 0.6 * np.sin(2 * np.pi * 0.6 * time_s)

    recorded = Curve(values=wave(np.arange(round(6 * fps)) / fps), fps=fps)
    for late_s in (0.0, 0.05, -0.1):
        found = followed(wave(np.arange(180) / FPS - late_s), FPS, recorded)
        assert found["recorded_best_r"] == pytest.approx(1.0, abs=2e-3)
        assert found["recorded_lag_ms"] == pytest.approx(1000 * late_s, abs=1)
        assert (found["recorded_r"] > 0.998) == (late_s == 0.0)


def test_nothing_recorded_is_nothing_measured():
    assert followed(np.arange(9.0), FPS, None) == {}
    assert followed(np.zeros(90), FPS, Curve(values=np.arange(90.0), fps=FPS)) == {}
