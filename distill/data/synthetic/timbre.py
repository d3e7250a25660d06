"""From an engine's speech to a speaker's: formants, tilt, loudness, 16 kHz, silence around."""

from dataclasses import replace

import numpy as np
import soxr
from jaxtyping import Float

from distill.data.synthetic.engines import Phone, Speech
from distill.data.synthetic.phonemes import SILENCE

RATE_HZ = 16_000
_POLE = 0.35 * 0.65 ** np.arange(36)
"""Impulse response of a one-pole low-pass, until it has died away."""

_LEVEL = 0.075
"""Root mean square of speech at 0 dB."""


def to_speaker(
    speech: Speech, *, formants: float, tilt_db: float, gain_db: float, before_s: float,
    after_s: float,
) -> Speech:  # fmt: skip
    """Return speech at 16 kHz, formants and pitch times `formants`, times divided by it."""
    audio = soxr.resample(speech.audio, speech.rate_hz * formants, RATE_HZ, quality="HQ")
    audio = _tilt(audio.astype(np.float64), tilt_db)
    audio = _level(audio, gain_db)
    before, after = round(before_s * RATE_HZ), round(after_s * RATE_HZ)
    audio = np.concatenate([np.zeros(before), audio, np.zeros(after)])
    offset_s = before / RATE_HZ
    total_s = len(audio) / RATE_HZ
    moved = [_moved(p, formants, offset_s) for p in speech.phones]
    words = tuple((w, a / formants + offset_s, b / formants + offset_s) for w, a, b in speech.words)
    return Speech(
        audio=audio.astype(np.float32),
        rate_hz=RATE_HZ,
        phones=_with_silence(moved, offset_s, total_s),
        words=words,
    )


def loudness_db(
    audio: Float[np.ndarray, " S"], times_s: np.ndarray, half_s: float = 0.02
) -> np.ndarray:
    """Return the level within `half_s` of each time (dB of full scale, floor -80)."""
    power = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    half = int(half_s * RATE_HZ)
    middle = np.round(np.asarray(times_s) * RATE_HZ).astype(int)
    low, high = np.clip(middle - half, 0, len(audio)), np.clip(middle + half, 0, len(audio))
    mean = (power[high] - power[low]) / np.maximum(high - low, 1)
    return 10.0 * np.log10(np.maximum(mean, 1e-8))


def _tilt(audio: np.ndarray, tilt_db: float) -> np.ndarray:
    """Raise (or lower) high against low frequencies by about `tilt_db` (one-pole shelf)."""
    low = np.convolve(audio, _POLE)[: len(audio)]
    return low + 10.0 ** (tilt_db / 20.0) * (audio - low)


def _level(audio: np.ndarray, gain_db: float) -> np.ndarray:
    """Bring speech to the standard level plus `gain_db`; peaks are rounded under 0.95."""
    loud = audio[np.abs(audio) > 1e-3]
    rms = float(np.sqrt(np.mean(loud**2))) if len(loud) else 1.0
    audio = audio * (_LEVEL * 10.0 ** (gain_db / 20.0) / max(rms, 1e-6))
    return 0.95 * np.tanh(audio / 0.95)


def _moved(phone: Phone, factor: float, offset_s: float) -> Phone:
    return replace(
        phone,
        start_s=phone.start_s / factor + offset_s,
        end_s=phone.end_s / factor + offset_s,
        release_s=phone.release_s / factor + offset_s,
    )


def _with_silence(phones: list[Phone], first_s: float, total_s: float) -> tuple[Phone, ...]:
    """Add the silence around, and join neighbouring silences."""

    def silence(start_s: float, end_s: float) -> Phone:
        return Phone(label=SILENCE, start_s=start_s, end_s=end_s, release_s=end_s)

    last_s = phones[-1].end_s if phones else first_s
    everything = [silence(0.0, first_s), *phones, silence(last_s, total_s)]
    joined: list[Phone] = []
    for phone in everything:
        if phone.end_s <= phone.start_s:
            continue
        if joined and joined[-1].label == SILENCE == phone.label:
            joined[-1] = silence(joined[-1].start_s, phone.end_s)
        else:
            joined.append(phone)
    return tuple(joined)
