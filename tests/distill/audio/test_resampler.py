import numpy as np
import pytest
import soxr

from distill.audio.resampler import StreamResampler

RATES = (8_000, 22_050, 44_100, 44_101, 48_000, 192_000)


def tone(hz: float, rate_hz: int, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz).astype(np.float32)


def resampled(pcm: np.ndarray, rate_hz: int, sizes: list[int]) -> np.ndarray:
    resampler = StreamResampler(rate_hz)
    made = [resampler.push(piece) for piece in np.split(pcm, np.cumsum(sizes))]
    return np.concatenate([*made, resampler.finish()])


@pytest.mark.parametrize("rate_hz", RATES)
def test_any_cut_of_the_sound_gives_the_same_bits(rate_hz):
    rng = np.random.default_rng(0)
    pcm = rng.standard_normal(rate_hz // 4).astype(np.float32)
    whole = resampled(pcm, rate_hz, [])
    assert len(whole) == -(-len(pcm) * 16_000 // rate_hz)
    for sizes in ([1] * 500, [0, 7, 0, 900], list(rng.integers(1, 200, 20))):
        np.testing.assert_array_equal(resampled(pcm, rate_hz, sizes), whole)


@pytest.mark.parametrize("rate_hz", RATES)
def test_it_hears_what_a_resampler_of_files_hears(rate_hz):
    pcm = sum(tone(hz, rate_hz) for hz in (100, 440, 1900, 3000))
    found, inside = resampled(pcm, rate_hz, []), slice(400, -400)
    expected = soxr.resample(pcm, rate_hz, 16_000)
    np.testing.assert_allclose(found[inside], expected[: len(found)][inside], atol=5e-4)


@pytest.mark.parametrize("rate_hz", [48_000, 44_100])
def test_nothing_above_8_khz_comes_back_below_it(rate_hz):
    for hz in (9_000, 11_000, 15_000, 20_000):
        assert np.abs(resampled(tone(hz, rate_hz), rate_hz, [])[400:-400]).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [4_001, 44_101, 383_999])
def test_no_rate_asks_for_much_memory(rate_hz):
    assert StreamResampler(rate_hz).kernels.size < 200_000


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_sample_waits_for_the_delay_and_no_longer(rate_hz):
    resampler, made, heard = StreamResampler(rate_hz), 0, 0
    assert resampler.delay_s < 0.005
    for size in np.random.default_rng(1).integers(1, rate_hz // 50, 100):
        heard += size
        made += len(resampler.push(np.zeros(size, np.float32)))
        due = (heard / rate_hz - resampler.delay_s) * 16_000
        assert max(due, 0) - 1e-6 <= made < max(due, 0) + 1
    assert len(resampler._kept) < 3 * resampler.kernels.shape[1]
