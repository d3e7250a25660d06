"""Toy voices with known speaker and emotion: harmonics shaped by formants, syllable by syllable."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

RATE_HZ = 16_000
VOWELS_HZ = np.array(
    [[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480], [570, 840, 2410]]
)
# pitch factor, pitch range (octaves), syllables per second, level in dB
EMOTIONS = ((1.0, 0.06, 4.5, -24.0), (1.35, 0.25, 6.0, -16.0), (0.85, 0.03, 3.0, -32.0))


@dataclass(frozen=True)
class Voices:
    audio: Tensor
    samples: Tensor
    speaker: Tensor
    emotion: Tensor

    def rows(self, index: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = (self.audio, self.samples, self.speaker, self.emotion)
        return tuple(value[index] for value in values)  # type: ignore[return-value]


def speak(speaker: int, emotion: int, seed: int, seconds: float = 1.2) -> np.ndarray:
    """A sentence of random vowels by a voice of a fixed pitch, tract length and tilt."""
    voice = np.random.default_rng((7, speaker))
    pitch_hz, tract, tilt = (
        voice.uniform(90, 230),
        voice.uniform(0.85, 1.2),
        voice.uniform(0.7, 1.6),
    )
    factor, spread, rate, level_db = EMOTIONS[emotion]
    rng = np.random.default_rng((seed, speaker, emotion))
    count = int(seconds * 100)
    syllable = (np.arange(count) / 100 * rate + rng.random()).astype(int)
    formants = tract * VOWELS_HZ[rng.integers(0, 5, syllable.max() + 1)][syllable]
    slope = np.sin(2 * np.pi * (np.arange(count) / 100 * rate / 2 + rng.random()))
    f0 = pitch_hz * factor * 2 ** (spread * slope + 0.03 * rng.standard_normal())
    order = np.arange(1, 21)
    hz = f0[:, None] * order
    gain = (1 / (1 + ((hz[..., None] - formants[:, None]) / 90) ** 2)).sum(-1) / order**tilt
    gain *= (hz < 7000) * np.abs(np.sin(np.pi * (np.arange(count) / 100 * rate)))[:, None]
    at = np.arange(int(seconds * RATE_HZ)) / 160
    phase = np.cumsum(np.interp(at, np.arange(count), f0)) * 2 * np.pi / RATE_HZ
    audio = 0.02 * rng.standard_normal(len(at))
    for k in range(len(order)):
        audio += np.interp(at, np.arange(count), gain[:, k]) * np.sin((k + 1) * phase)
    level = 10 ** ((level_db + rng.normal(0, 1)) / 20)
    return (audio * level / np.sqrt(np.mean(audio**2))).astype(np.float32)


def choir(speakers: int, emotions: int, sentences: int, seed: int) -> Voices:
    """Every speaker with every emotion, `sentences` sentences each."""
    grid = [(s, e, k) for s in range(speakers) for e in range(emotions) for k in range(sentences)]
    audio = np.stack([speak(s, e, seed * 1000 + k) for s, e, k in grid])
    return Voices(
        audio=torch.from_numpy(audio),
        samples=torch.full((len(grid),), audio.shape[1]),
        speaker=torch.tensor([s for s, _, _ in grid]),
        emotion=torch.tensor([e for _, e, _ in grid]),
    )
