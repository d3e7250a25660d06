import math

import pytest
import torch

from distill.audio import mel as mel_module
from distill.audio.frames import exact_fps, sample_at
from distill.audio.mel import FEATURE_MEAN, FEATURE_STD, LogMel, mel_filters

QUIETEST = (-12.0 - FEATURE_MEAN) / FEATURE_STD


def speechlike(samples, level=0.1):
    generator = torch.Generator().manual_seed(1)
    time_s = torch.arange(samples) / 16000
    swing = 0.2 + torch.cos(2 * math.pi * 2 * time_s) ** 2
    return (level * swing * torch.randn(samples, generator=generator))[None]


def test_filters_share_out_every_bin_between_the_limits():
    filters = mel_filters(80)
    assert (filters.sum(1) > 0).all()
    inside = filters.sum(0)[5:235]
    torch.testing.assert_close(inside, torch.ones_like(inside))


def test_a_tone_falls_into_its_band():
    time_s = torch.arange(16000) / 16000
    bands = LogMel(25)(torch.sin(2 * math.pi * 1000 * time_s)[None], 25).reshape(100, 80)
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (40, 7600))
    expected = (2595 * math.log10(1 + 1000 / 700) - low) / (high - low) * 81 - 1
    assert (bands[10:90].argmax(1) - expected).abs().max() <= 1


@pytest.mark.parametrize("fps", [25, 30, 29.97, 60])
def test_windows_are_centred_on_motion_frames_for_an_hour(fps):
    mel = LogMel(fps)
    for frame in (0, 7, int(3600 * fps)):
        for part in range(4):
            exact = (frame + (2 * part + 1) / 8) * 16000 / exact_fps(fps)
            assert abs(mel.grid.centre(4 * frame + part) - exact) <= 0.5


def test_a_click_lights_the_windows_around_it():
    frame = 20
    audio = torch.zeros(1, 32000)
    audio[0, sample_at(frame, 25) + 320] = 1.0
    heard = LogMel(25)(audio, 50).reshape(200, 80).mean(1) > QUIETEST + 1e-3
    centres_s = (torch.arange(200) + 0.5) / 100
    expected = (centres_s - (frame + 0.5) / 25).abs() < 0.0125 - 1e-4
    assert torch.equal(heard, expected)


@pytest.mark.parametrize(("fps", "shift"), [(25, 1), (25, 7), (30, 3), (29.97, 15)])
def test_shifting_by_whole_frames_shifts_the_features(fps, shift):
    samples = shift * 16000 / exact_fps(fps)
    assert samples.denominator == 1
    frames, mel = 120, LogMel(fps)
    memory = mel.memory_frames
    audio = speechlike(int(samples) + 16000 * 10)
    late = mel(audio, shift + frames)[:, shift:]
    early = mel(audio[:, int(samples) :], frames)
    tolerance = {"rtol": 0, "atol": 1e-4}
    torch.testing.assert_close(early[:, memory:], late[:, memory:], **tolerance)


@pytest.mark.parametrize("gain", [0.1, 10.0])
def test_gain_does_not_change_loud_speech(gain):
    mel, audio = LogMel(30), speechlike(48000)
    difference = (mel(audio * gain, 90) - mel(audio, 90)).abs()
    assert difference.max() < 1e-3


def test_what_is_under_the_floor_is_not_turned_up():
    mel, noise = LogMel(30), torch.randn(1, 48000)
    loud, hiss = (mel(noise * level, 90).mean() for level in (1e-2, 1e-4))
    assert mel(torch.zeros(1, 48000), 90).max() == pytest.approx(QUIETEST, abs=1e-5)
    assert hiss < loud - 1.0


def test_the_reference_level_is_the_decaying_peak_of_the_last_seconds():
    mel = LogMel(25)
    audio = torch.cat([torch.ones(16000), 0.1 * torch.ones(16000 * 5)])
    tone = (audio * torch.sin(2 * math.pi * 1000 / 16000 * torch.arange(len(audio))))[None]
    best = mel(tone, 150).amax(-1)[0] * FEATURE_STD
    step_nats = best[40] - best[20]
    forgotten_nats = best[140] - best[20]
    assert step_nats == pytest.approx(-math.log(100) + mel_module._NATS_PER_DB * 4 * 0.6, abs=0.1)
    assert forgotten_nats == pytest.approx(0, abs=0.1)


def test_a_frame_hears_nothing_after_its_last_window():
    frame, fps = 30, 30
    audio = speechlike(64000).requires_grad_()
    LogMel(fps)(audio, 60)[:, frame].sum().backward()
    heard = audio.grad[0].nonzero().max()
    assert heard < (frame + 1) / fps * 16000 + 200
    assert heard > (frame + 1) / fps * 16000


def test_a_prefix_gives_the_same_features():
    mel, audio = LogMel(30), speechlike(64000)
    torch.testing.assert_close(mel(audio[:, :32000], 59), mel(audio, 120)[:, :59])


def test_samples_of_a_batch_do_not_meet():
    mel = LogMel(30)
    audio = torch.cat([speechlike(16000), speechlike(16000, 0.5).flip(1)])
    together = mel(audio, 30)
    torch.testing.assert_close(together[:1], mel(audio[:1], 30), rtol=1e-5, atol=1e-5)


def test_autocast_does_not_touch_the_features():
    mel, audio = LogMel(30), speechlike(16000)
    with torch.autocast("cpu", torch.bfloat16):
        cast = mel(audio, 30)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, mel(audio, 30))


@pytest.mark.parametrize("samples", [0, 1, 100, 16000])
def test_audio_of_any_length_gives_the_frames_asked_for(samples):
    features = LogMel(30, per_frame=2, mels=40)(torch.zeros(2, samples), 17)
    assert features.shape == (2, 17, 80)
    assert features.isfinite().all()


def test_nothing_is_learned_and_nothing_is_saved():
    mel = LogMel(30)
    assert not list(mel.parameters())
    assert not mel.state_dict()
