from fractions import Fraction

import numpy as np
import pytest

from distill.face.curves import resample_curves

RATES = [24, 25, 30, 60]
PAIRS = [(was, now) for was in RATES for now in RATES if was != now]


def waves(rate_hz: float, frames: int, hz: float) -> np.ndarray:
    times_s = np.arange(frames) / rate_hz
    angles = 2 * np.pi * hz * times_s
    return 0.5 + 0.4 * np.stack([np.sin(angles), np.cos(angles)], 1)


@pytest.mark.parametrize(("was", "now"), PAIRS)
def test_what_both_rates_can_show_is_kept_at_its_time(was: int, now: int):
    for hz in (0.5, 3.0, 7.0):
        seen = waves(was, 10 * was, hz)
        made = resample_curves(seen, Fraction(now, was))
        assert len(made) == 10 * now
        expected = waves(now, 10 * now, hz).clip(seen.min(0), seen.max(0))
        inside = slice(now // 2, -now // 2)
        np.testing.assert_allclose(made[inside], expected[inside], atol=2e-3)


@pytest.mark.parametrize("now", [24, 25, 30])
def test_what_is_too_fast_for_the_new_rate_is_gone(now: int):
    fast = waves(60, 600, 0.8 * now)
    plain = fast[:: 60 // now] if 60 % now == 0 else fast[: 10 * now]
    made = resample_curves(fast, Fraction(now, 60))
    assert made[now:-now].std() < 0.03 * plain.std()


@pytest.mark.parametrize("ratio", [Fraction(r) for r in ("4/5", "5/6", "2", "1/2", "1001/1200")])
def test_no_channel_leaves_the_range_it_had(ratio: Fraction):
    rng = np.random.default_rng(0)
    values = (rng.random((200, 5)) > 0.5).astype(np.float32)  # the worst there is: steps
    values[:, 1] *= 0.3
    values[:, 2] = 0.7
    made = resample_curves(values, ratio)
    assert made.dtype == np.float32
    assert (made.min(0) >= values.min(0)).all() and (made.max(0) <= values.max(0)).all()
    np.testing.assert_array_equal(made[:, 2], np.float32(0.7))


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
@pytest.mark.parametrize("ratio", [Fraction(4, 5), Fraction(2), Fraction(25025, 30000)])
def test_short_motion_is_covered(frames: int, ratio: Fraction):
    values = np.linspace(0.2, 0.4, frames)[:, None].repeat(2, 1)
    made = resample_curves(values, ratio)
    assert len(made) == -(-frames * ratio.numerator // ratio.denominator)
    assert np.isfinite(made).all() and made.min() >= 0.2 and made.max() <= 0.4
    np.testing.assert_allclose(made[0], 0.2, atol=5e-3)


def test_there_and_back_is_the_same_motion():
    rng = np.random.default_rng(1)
    knots = rng.random((20, 3))
    values = np.stack([np.interp(np.arange(300), np.arange(20) * 16, knot) for knot in knots.T], 1)
    back = resample_curves(resample_curves(values, Fraction(2)), Fraction(1, 2))
    np.testing.assert_allclose(back[10:-10], values[10:-10], atol=0.02)
    assert resample_curves(values, Fraction(1)) is values
