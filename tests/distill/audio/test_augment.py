import numpy as np
import pytest

from distill.audio.acoustics import noise_spectrum
from distill.audio.augment import Augment
from distill.audio.decode import load_audio
from distill.audio.voice import shift_voice
from tests.distill.audio.recordings import delay_samples

EFFECTS = (
    "voice", "gaps", "levels", "babble", "room", "noise", "microphone", "clipping", "gain",
)  # fmt: skip
NONE = dict.fromkeys(EFFECTS, 0.0)


def only(effect, strength=1.0):
    return Augment(strength, **{**NONE, effect: 1.0})


def voice_like(seconds=3.0, pitch_hz=120.0):
    """Harmonics under three formants, in syllables."""
    time_s = np.arange(int(16000 * seconds)) / 16000
    sound = np.zeros_like(time_s)
    for harmonic in range(1, 60):
        hz = harmonic * pitch_hz
        height = sum(1 / (1 + ((hz - centre) / 150) ** 2) for centre in (600, 1500, 2600))
        sound += height * np.sin(2 * np.pi * hz * time_s + harmonic**2)
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time_s + np.sin(7 * time_s)), 0, 1)
    return (0.05 * sound * syllables).astype(np.float32)


def envelope(audio):
    smooth = np.hanning(401)
    return np.sqrt(np.convolve(audio.astype(np.float64) ** 2, smooth / smooth.sum(), "same"))


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_changes_the_sound_and_keeps_length_and_type(effect):
    audio = voice_like()
    loudest = int(envelope(audio).argmax())
    audio[loudest : loudest + 960] = 0  # a closure
    before = audio.copy()
    out = only(effect)(audio, np.random.default_rng(0))
    assert out.dtype == np.float32 and out.shape == audio.shape
    assert np.isfinite(out).all()
    assert np.abs(out - audio).max() > 1e-4
    assert np.array_equal(audio, before)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_keeps_the_envelope_in_place(effect):
    audio = voice_like()
    for seed in range(8):
        out = only(effect)(audio, np.random.default_rng(seed))
        reference, heard = (e - e.mean() for e in (envelope(audio), envelope(out)))
        assert abs(delay_samples(heard, reference)) < 16 * 12
        assert np.corrcoef(reference, heard)[0, 1] > 0.6


@pytest.mark.parametrize("effect", ["room", "microphone", "clipping", "noise"])
def test_direct_sound_stays_at_its_sample(effect):
    noise = np.random.default_rng(1).normal(0, 0.1, 32000).astype(np.float32)
    for seed in range(5):
        out = only(effect)(noise, np.random.default_rng(seed))
        assert abs(delay_samples(out, noise)) < 1.0


@pytest.mark.parametrize("shift", [(1.15, 1.0), (0.87, 1.0), (1.0, 1.1), (1.1, 0.93)])
def test_a_shifted_voice_keeps_its_timing(shift):
    audio = voice_like()
    before, after = envelope(audio), envelope(shift_voice(audio, *shift))
    assert abs(delay_samples(after - after.mean(), before - before.mean())) < 16 * 2
    assert np.corrcoef(before, after)[0, 1] > 0.98


def test_a_voice_not_shifted_is_itself():
    audio = voice_like(1.0)
    np.testing.assert_allclose(shift_voice(audio, 1.0, 1.0), audio, atol=1e-5)


@pytest.mark.parametrize("pitch", [0.87, 1.15])
def test_pitch_moves_by_the_factor_asked_for(pitch):
    time_s = np.arange(32000) / 16000
    tone = np.sin(2 * np.pi * 1000 * time_s).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(shift_voice(tone, pitch, pitch)))
    found_hz = spectrum.argmax() * 16000 / 32000
    assert found_hz == pytest.approx(1000 * pitch, abs=20)


def test_formants_move_and_pitch_stays():
    audio = voice_like(2.0, pitch_hz=125.0)
    out = shift_voice(audio, 1.0, 1.15)
    before, after = (np.abs(np.fft.rfft(x)) for x in (audio, out))
    harmonics = np.rint(np.arange(125, 4000, 125) * len(audio) / 16000).astype(int)
    lines = [np.array([s[k - 2 : k + 3].max() for k in harmonics]) for s in (before, after)]
    for near in (slice(1, 9), slice(8, 17), slice(16, 26)):
        hz = [(harmonics[near] * line[near]).sum() / line[near].sum() for line in lines]
        assert 1.03 < hz[1] / hz[0] < 1.2
    between = harmonics + harmonics[0] // 2
    assert after[between].max() < 0.02 * lines[1].max()


def test_the_same_seed_gives_the_same_sound_and_another_seed_another():
    audio, augment = voice_like(1.0), Augment()
    sounds = [augment(audio, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert np.array_equal(sounds[0], sounds[1])
    assert not np.array_equal(sounds[0], sounds[2])


@pytest.mark.parametrize("strength", [0.0, -1.0])
def test_no_strength_is_no_change(strength):
    audio = voice_like(0.5)
    assert np.array_equal(Augment(strength)(audio, np.random.default_rng(0)), audio)


@pytest.mark.parametrize("audio", [np.zeros(0), np.zeros(1), np.ones(1), np.zeros(5000)])
def test_any_audio_comes_back_finite(audio):
    for seed in range(20):
        augment = Augment(**dict.fromkeys(EFFECTS, 1.0))
        out = augment(audio.astype(np.float32), np.random.default_rng(seed))
        assert out.shape == audio.shape and np.isfinite(out).all()


def test_stronger_means_further():
    audio = voice_like(1.0)
    moved = [
        np.mean(
            [
                np.abs(only("microphone", strength)(audio, np.random.default_rng(seed)) - audio)
                for seed in range(10)
            ]
        )
        for strength in (0.1, 1.0)
    ]
    assert moved[1] > moved[0]


def test_noise_has_the_power_asked_for_and_sounds_gaussian():
    for seed in range(6):
        size = 32000
        noise = np.fft.irfft(noise_spectrum(size, np.random.default_rng(seed)), size)
        assert np.mean(noise**2) == pytest.approx(1.0, rel=1e-2)
        assert np.abs(noise).max() < 8


def test_real_speech_stays_in_place(shared_data):
    audio = load_audio(shared_data / "speech_plain" / "ljspeech" / "LJ001-0002.flac")
    for seed in range(10):
        out = Augment()(audio, np.random.default_rng(seed))
        reference, heard = (e - e.mean() for e in (envelope(audio), envelope(out)))
        assert abs(delay_samples(heard, reference)) < 16 * 12
