"""Loudness inside a recording: what fills its gaps, and how far loud and soft lie apart.

A speech synthesizer's stop closures are digital silence and its loudness follows a recipe; in a
recording the closure of /b/ hums, rooms and machines are heard, and compressors, distance and
habit set the levels. Whoever learns from synthetic speech must not lean on either.
"""

import numpy as np
from jaxtyping import Float32

from distill.types import SAMPLE_RATE_HZ

BLOCK_SAMPLES = 80
GAP_BLOCKS = (2, 30)
"""A closure is a quiet stretch of 10 to 150 ms."""

_GAP_DB = -40.0
"""Level under that of the whole recording below which a block is quiet."""

_REACH_DB = 30.0
"""Levels further than this below the recording's are treated as if they were there."""


def fill_gaps(
    audio: Float32[np.ndarray, " S"], rng: np.random.Generator, strength: float
) -> Float32[np.ndarray, " S"]:
    """Return `audio` with its short gaps filled: fading voicing bars in half, breath in all.

    Fillings lie 15 to 45 dB under the recording at strength 1, less at smaller ones.
    """
    level, whole = _levels(audio)
    quiet = level < whole * 10 ** (_GAP_DB / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]])))
    first, last = edges[::2], edges[1::2]
    short = (last - first >= GAP_BLOCKS[0]) & (last - first <= GAP_BLOCKS[1])
    inside = (first > 0) & (last < len(level))  # the cut of a window is not a closure
    first, last = first[short & inside], last[short & inside]
    if not len(first):
        return audio
    audio = audio.copy()
    turn = np.float32(2 * np.pi * rng.uniform(80, 250) / SAMPLE_RATE_HZ)
    for start, stop in zip(first * BLOCK_SAMPLES, last * BLOCK_SAMPLES, strict=True):
        hum, breath = whole * 10 ** (-rng.uniform(45 - 30 * strength, 45, 2) / 20)
        filling = np.float32(0.3 * breath) * rng.standard_normal(stop - start, dtype=np.float32)
        if rng.random() < 0.5:
            phase = turn * np.arange(stop - start, dtype=np.float32)
            filling += np.float32(hum) * (np.sin(phase) + np.float32(0.4) * np.sin(2 * phase))
        audio[start:stop] += filling * np.linspace(1, 0.3, stop - start, dtype=np.float32)
    return audio


def change_levels(
    audio: Float32[np.ndarray, " S"], rng: np.random.Generator, strength: float
) -> Float32[np.ndarray, " S"]:
    """Return `audio` compressed or expanded, and turned up and down by up to 6 dB on the way."""
    level, whole = _levels(audio)
    if whole == 0.0:
        return audio
    smooth = np.convolve(np.pad(level, 2, "edge"), np.full(5, 0.2), "valid")
    relative_db = 20 * np.log10(np.maximum(smooth / whole, 10 ** (-_REACH_DB / 20)))
    gain_db = rng.uniform(-0.5, 0.25) * strength * relative_db
    knots = rng.uniform(-6, 6, 2 + len(audio) // (SAMPLE_RATE_HZ // 2)) * strength
    gain_db += np.interp(np.linspace(0, 1, len(level)), np.linspace(0, 1, len(knots)), knots)
    return audio * _at_samples(10 ** (gain_db / 20), len(audio))


def _levels(audio: Float32[np.ndarray, " S"]) -> tuple[np.ndarray, float]:
    """Return root mean square of every block and of the whole."""
    padded = np.pad(audio, (0, -len(audio) % BLOCK_SAMPLES)).reshape(-1, BLOCK_SAMPLES)
    power = np.square(padded).mean(1, dtype=np.float64)
    return np.sqrt(power), float(np.sqrt(power.mean()))


def _at_samples(blocks: np.ndarray, samples: int) -> Float32[np.ndarray, " S"]:
    """Return a value per block as a curve over samples, straight between block starts."""
    share = np.arange(BLOCK_SAMPLES, dtype=np.float32) / BLOCK_SAMPLES
    here, following = blocks.astype(np.float32), np.append(blocks[1:], blocks[-1:])
    curve = here[:, None] + (following.astype(np.float32) - here)[:, None] * share
    return curve.reshape(-1)[:samples]
