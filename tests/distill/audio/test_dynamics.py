import numpy as np
import pytest

from distill.audio.dynamics import change_levels, fill_gaps

SECOND = 16_000


def speech_with_gap(start_s, stop_s, seconds=1.5):
    rng = np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal(round(seconds * SECOND))).astype(np.float32)
    audio[round(start_s * SECOND) : round(stop_s * SECOND)] = 0
    return audio


def rms(audio):
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


@pytest.mark.parametrize("seed", range(8))
def test_a_closure_is_no_longer_digital_silence_and_nothing_else_changes(seed):
    audio = speech_with_gap(0.5, 0.56)
    out = fill_gaps(audio, np.random.default_rng(seed), 1.0)
    under_db = 20 * np.log10(rms(out[8240:8720]) / rms(audio))
    assert -60 < under_db < -12
    far = np.r_[0:7900, 9100 : len(audio)]
    assert np.array_equal(out[far], audio[far])


def test_some_closures_hum_and_some_only_breathe():
    audio, low = speech_with_gap(0.5, 0.6), []
    for seed in range(20):
        gap = fill_gaps(audio, np.random.default_rng(seed), 1.0)[8200:9400]
        power = np.abs(np.fft.rfft(gap * np.hanning(len(gap)))) ** 2
        low.append(power[: round(600 * len(gap) / SECOND)].sum() / power.sum())
    assert min(low) < 0.2 and max(low) > 0.8
    assert 4 <= sum(share > 0.5 for share in low) <= 16


@pytest.mark.parametrize("gap", [(0.5, 0.505), (0.4, 0.8), (0.0, 0.1), (1.4, 1.5)])
def test_clicks_pauses_and_cut_edges_are_left_alone(gap):
    audio = speech_with_gap(*gap)
    assert np.array_equal(fill_gaps(audio, np.random.default_rng(0), 1.0), audio)


def test_a_loud_gap_is_not_a_gap():
    audio = speech_with_gap(0.5, 0.56)
    audio[8000:8960] = 0.01
    assert np.array_equal(fill_gaps(audio, np.random.default_rng(0), 1.0), audio)


def test_levels_move_apart_or_together_but_never_far():
    audio = speech_with_gap(2.0, 2.0)
    audio[8000:16000] *= 0.1
    ratios = []
    for seed in range(40):
        out = change_levels(audio, np.random.default_rng(seed), 1.0)
        ratios.append(20 * np.log10(rms(out[10000:14000]) / rms(out[2000:6000])))
    assert min(ratios) < -21 and max(ratios) > -15
    assert min(ratios) > -20 - 18 and max(ratios) < -20 + 23


@pytest.mark.parametrize("effect", [fill_gaps, change_levels])
@pytest.mark.parametrize("samples", [1, 79, 80, 81, 5000])
def test_any_length_comes_back_and_silence_stays_silence(effect, samples):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(samples).astype(np.float32)
    out = effect(noise, np.random.default_rng(1), 1.0)
    assert out.shape == noise.shape and out.dtype == np.float32 and np.isfinite(out).all()
    still = np.zeros(samples, np.float32)
    assert np.array_equal(effect(still, np.random.default_rng(1), 1.0), still)


@pytest.mark.parametrize("effect", [fill_gaps, change_levels])
def test_less_strength_changes_less(effect):
    audio = speech_with_gap(0.5, 0.6)
    changes = [
        np.mean([rms(effect(audio, np.random.default_rng(s), k) - audio) for s in range(20)])
        for k in (0.0, 0.3, 1.0)
    ]
    assert changes[0] < changes[1] < changes[2]
