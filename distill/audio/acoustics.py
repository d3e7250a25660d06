"""Rooms, noises and microphones as spectra of a whole recording, so that all share one FFT.

Every filter is zero-phase and a room's direct path stays at time 0: nothing moves in time.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Complex64, Float32
from scipy import fft

from distill.types import SAMPLE_RATE_HZ

KNOTS_HZ = np.geomspace(30, SAMPLE_RATE_HZ / 2, 65)
_OCTAVES = np.log2(KNOTS_HZ / 1000)


@lru_cache(maxsize=8)
def _bin_octaves(size: int) -> Float32[np.ndarray, " K"]:
    """Return octaves above 1 kHz of each bin of a real FFT of `size` samples."""
    hz = np.arange(size // 2 + 1) * SAMPLE_RATE_HZ / size
    return np.log2(np.maximum(hz, KNOTS_HZ[0]) / 1000).astype(np.float32)


def room_spectrum(
    size: int, strength: float, rng: np.random.Generator
) -> Complex64[np.ndarray, " K"]:
    """Return the spectrum of a room: the direct sound at 0, then exponentially decaying noise."""
    decay_s = rng.uniform(0.1, 0.2 + 0.5 * strength)
    delay_samples = int(rng.uniform(0.001, 0.01) * SAMPLE_RATE_HZ)
    length = min(int(decay_s * SAMPLE_RATE_HZ), size - delay_samples)
    tail = rng.standard_normal(length, dtype=np.float32)
    tail *= np.exp(np.linspace(0, -6.9, length, dtype=np.float32))
    direct_over_tail_db = rng.uniform(12 - 9 * strength, 20)
    tail *= 10 ** (-direct_over_tail_db / 20) / np.sqrt(tail @ tail + 1e-12)
    response = np.zeros(size, np.float32)
    response[0] = 1
    response[delay_samples : delay_samples + length] = tail
    return np.asarray(fft.rfft(response))


def noise_spectrum(size: int, rng: np.random.Generator) -> Complex64[np.ndarray, " K"]:
    """Return unit-power noise, anything between white and brown, sometimes with mains hum."""
    bins = size // 2 + 1
    # Uniform values per bin add up to Gaussian samples, at a fraction of the cost.
    noise = (rng.random(2 * bins, dtype=np.float32) - np.float32(0.5)).view(np.complex64)
    slope = np.float32(rng.uniform(0, 1))
    noise *= np.exp2(-slope * np.maximum(_bin_octaves(size), -4))
    noise[0] = 0
    noise /= np.sqrt(_power(noise, size)) + 1e-12
    if rng.random() < 0.2:
        mains_hz = rng.choice([50, 60])
        line = np.rint(mains_hz * np.arange(1, 8, 2) * size / SAMPLE_RATE_HZ).astype(int)
        height = rng.uniform(0, 1, len(line)) / np.arange(1, len(line) + 1) * size / 2
        noise[line] += height * np.exp(2j * np.pi * rng.random(len(line)))
        noise /= np.sqrt(_power(noise, size))
    return noise


def microphone_gain(
    size: int, strength: float, rng: np.random.Generator
) -> Float32[np.ndarray, " K"]:
    """Return a microphone's magnitude response: tilt, bumps and, at times, a narrow band."""
    decibels = rng.uniform(-2, 2) * strength * _OCTAVES
    bumps = rng.normal(0, 3 * strength, 9)
    decibels += np.interp(_OCTAVES, np.linspace(_OCTAVES[0], _OCTAVES[-1], 9), bumps)
    kind = rng.random()
    if kind < 0.2:
        low_hz, high_hz = 300.0, 3400.0
    else:
        low_hz, high_hz = rng.uniform(20, 200), rng.uniform(3500, 9000)
    slope = rng.uniform(12, 48)
    decibels -= slope * np.maximum(np.log2(low_hz / KNOTS_HZ), 0)
    decibels -= 2 * slope * np.maximum(np.log2(KNOTS_HZ / high_hz), 0)
    gain = np.interp(_bin_octaves(size), _OCTAVES, np.maximum(decibels, -60))
    return np.exp2(gain.astype(np.float32) / 6.0206)


def _power(spectrum: Complex64[np.ndarray, " K"], size: int) -> float:
    """Return the mean square of the signal of `size` samples that has this real FFT."""
    values = spectrum.view(np.float32)
    return float(2 * (values @ values)) / size**2
