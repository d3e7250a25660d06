"""Training audio as real microphones would have heard it, sample for sample in place."""

import numpy as np
from jaxtyping import Float, Float32
from scipy import fft

from distill.audio.acoustics import microphone_gain, noise_spectrum, room_spectrum
from distill.audio.dynamics import change_levels, fill_gaps
from distill.audio.voice import shift_voice

_TAIL_SAMPLES = 4800
_QUIET = 1e-3
"""Recordings below this level get noise as if they were this loud, so that silence has noise."""


class Augment:
    """Changes voice, gaps, levels, room, noise, microphone, clipping and gain; labels stay valid.

    Each argument is the probability of one effect; `strength` scales how far they go (0 leaves
    the audio alone, 1 is a bad laptop in a bare room at worst).
    """

    def __init__(
        self,
        strength: float = 1.0,
        *,
        voice: float = 0.3,
        gaps: float = 0.6,
        levels: float = 0.4,
        babble: float = 0.1,
        room: float = 0.4,
        noise: float = 0.6,
        microphone: float = 0.5,
        clipping: float = 0.15,
        gain: float = 0.8,
    ) -> None:
        self.strength, self.voice, self.babble = strength, voice, babble
        self.gaps, self.levels = gaps, levels
        self.room, self.noise, self.microphone = room, noise, microphone
        self.clipping, self.gain = clipping, gain

    def __call__(
        self, audio: Float[np.ndarray, " S"], rng: np.random.Generator
    ) -> Float32[np.ndarray, " S"]:
        """Return augmented audio of the same length, finite; all randomness comes from `rng`."""
        audio = np.array(audio, np.float32)
        if self.strength <= 0 or not len(audio):
            return audio
        if rng.random() < self.voice:
            spread = 0.18 * self.strength
            pitch, formants = np.exp(rng.uniform(-spread, spread, 2) * (1, 0.8))
            audio = shift_voice(audio, float(pitch), float(formants))
        if rng.random() < self.gaps:
            audio = fill_gaps(audio, rng, min(1.0, self.strength))
        if rng.random() < self.levels:
            audio = change_levels(audio, rng, self.strength)
        if rng.random() < self.babble:
            audio = audio + self._babble(audio, rng)
        audio = self._acoustics(audio, rng)
        if rng.random() < self.clipping:
            audio = self._clip(audio, rng)
        if rng.random() < self.gain:
            audio = audio * np.float32(10 ** (rng.uniform(-18, 8) * self.strength / 20))
        return audio

    def _acoustics(
        self, audio: Float32[np.ndarray, " S"], rng: np.random.Generator
    ) -> Float32[np.ndarray, " S"]:
        """Apply room, noise and microphone in one trip through the frequency domain."""
        room, noise, microphone = rng.random(3) < (self.room, self.noise, self.microphone)
        if not (room or noise or microphone):
            return audio
        size = 2 * int(fft.next_fast_len((len(audio) + _TAIL_SAMPLES + 1) // 2) or 0)
        spectrum = np.asarray(fft.rfft(audio, size))
        if room:
            spectrum *= room_spectrum(size, self.strength, rng)
        if noise:
            quieter_db = rng.uniform(40 - 32 * self.strength, 45)
            level = max(_rms(audio), _QUIET) * 10 ** (-quieter_db / 20)
            spectrum += np.float32(level) * noise_spectrum(size, rng)
        if microphone:
            spectrum *= microphone_gain(size, self.strength, rng)
        return np.asarray(fft.irfft(spectrum, size))[: len(audio)]

    def _babble(
        self, audio: Float32[np.ndarray, " S"], rng: np.random.Generator
    ) -> Float32[np.ndarray, " S"]:
        """Return a quiet crowd made of the recording itself, reversed and rolled."""
        crowd = np.zeros_like(audio)
        for _ in range(3):
            crowd += np.roll(audio[::-1], int(rng.integers(len(audio))))
        level = _rms(audio) * 10 ** (-rng.uniform(30 - 18 * self.strength, 35) / 20)
        return crowd * np.float32(level / (_rms(crowd) + 1e-12))

    def _clip(
        self, audio: Float32[np.ndarray, " S"], rng: np.random.Generator
    ) -> Float32[np.ndarray, " S"]:
        """Overdrive: hard clipping or soft compression at a fraction of the peak."""
        peak = float(np.abs(audio).max()) + 1e-12
        limit = np.float32(peak * (1 - rng.uniform(0.2, 0.8) * min(1.0, self.strength)))
        if rng.random() < 0.5:
            return np.clip(audio, -limit, limit)
        return np.tanh(audio / limit) * limit


def _rms(audio: Float32[np.ndarray, " S"]) -> float:
    return float(np.sqrt(audio @ audio / len(audio)))
