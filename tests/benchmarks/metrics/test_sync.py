import json

import numpy as np
import pytest

from benchmarks.metrics.sync import SyncLag, SyncR
from distill.audio.frames import frames_for
from distill.audio.sync import log_envelope_db, speech_mask
from tests.benchmarks.fakes import FPS, recording


def scores(gap, audio, fps=FPS):
    r, lag = SyncR(fps), SyncLag(fps)
    r.update(gap, audio)
    lag.update(gap, audio)
    return float(r.compute()), float(lag.compute())


def loudness(audio, frames):
    return log_envelope_db(audio, frames, FPS)


def test_a_mouth_that_is_the_envelope_correlates_fully_without_lag():
    audio, motion = recording(1, frames=200)
    r, lag_ms = scores(loudness(audio, len(motion)), audio)
    assert r == pytest.approx(1, abs=0.01)
    assert lag_ms == pytest.approx(0, abs=5)
    assert scores(-loudness(audio, len(motion)), audio)[0] == pytest.approx(-r)


@pytest.mark.parametrize("late_frames", [-4, 3])
def test_the_lag_is_positive_when_motion_is_late(late_frames):
    audio, motion = recording(1, frames=200)
    gap = np.roll(loudness(audio, len(motion)), late_frames)
    assert scores(gap, audio)[1] == pytest.approx(1000 * late_frames / FPS, abs=5)


def test_scale_of_gap_and_gain_of_audio_do_not_matter():
    audio, motion = recording(2, frames=150)
    gap = motion[:, 0].astype(np.float64)
    assert scores(30 * gap + 7, 0.25 * audio)[0] == pytest.approx(scores(gap, audio)[0], abs=1e-3)


def test_a_still_mouth_scores_zero_and_has_no_lag():
    audio, motion = recording(3, frames=150)
    r, lag_ms = scores(np.full(len(motion), 2.0), audio)
    assert r == 0
    assert np.isnan(lag_ms)


def test_silence_is_not_counted():
    r, lag_ms = scores(np.random.default_rng(0).normal(size=90), np.zeros(48000, np.float32))
    assert np.isnan(r)
    assert np.isnan(lag_ms)


def test_speech_is_held_on_for_the_hangover():
    envelope = np.full(60, -80.0)
    envelope[10:20] = -20.0
    assert np.flatnonzero(speech_mask(envelope, 30.0)).tolist() == list(range(10, 20 + 9))


def test_real_paired_recordings_correlate_and_mismatched_ones_do_not(shared_data):
    soundfile = pytest.importorskip("soundfile")
    folder = shared_data / "facegood"
    clips = {}
    for path in sorted(folder.glob("*.npz")):
        wav = next(folder.rglob(f"*{path.stem}.wav"))
        with np.load(path, allow_pickle=False) as file:
            clips[path.stem] = soundfile.read(wav, dtype="float32")[0], file["lip_gap_cm"]
    assert json.loads((folder / "meta.json").read_text())
    names = list(clips)
    for name, other in zip(names, names[1:] + names[:1], strict=True):
        audio, gap = clips[name]
        gap = gap.astype(np.float64)[: frames_for(len(audio), FPS)]
        r, lag_ms = scores(gap, audio)
        assert r > 0.6
        assert abs(lag_ms) < 50
        wrong = clips[other][0]
        assert scores(gap[: frames_for(len(wrong), FPS)], wrong)[0] < 0.35
