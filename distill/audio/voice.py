"""Another voice with the same timing: pitch and formants moved inside a short-time spectrum."""

import numpy as np
from jaxtyping import Float32
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

WINDOW_SAMPLES, OVERLAP = 512, 4
HOP_SAMPLES = WINDOW_SAMPLES // OVERLAP
_BINS = WINDOW_SAMPLES // 2 + 1
_WINDOW = np.sqrt(np.hanning(WINDOW_SAMPLES + 1)[:-1]).astype(np.float32)
_TURNS = np.exp(2j * np.pi * np.arange(OVERLAP) / OVERLAP).astype(np.complex64)
_BANDS = 33


def shift_voice(
    audio: Float32[np.ndarray, " S"], pitch: float, formants: float
) -> Float32[np.ndarray, " S"]:
    """Return `audio` with pitch and formants multiplied by these factors, timing untouched.

    Source: Juillerat & Hirsbrunner, Low latency audio pitch shifting in the frequency domain
    (2010) for the pitch; the spectral envelope is then moved by a gain on each bin.
    """
    if not len(audio):
        return audio
    count = -(-len(audio) // HOP_SAMPLES) + OVERLAP - 1
    padded = np.zeros((count + OVERLAP - 1) * HOP_SAMPLES, np.float32)
    first = WINDOW_SAMPLES - HOP_SAMPLES
    padded[first : first + len(audio)] = audio
    frames = sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES] * _WINDOW
    spectrum = np.asarray(fft.rfft(frames))
    source = np.rint(np.arange(_BINS) / pitch).astype(int)
    past_top = source >= _BINS
    source = np.minimum(source, _BINS - 1)
    moved = np.take(spectrum, source, axis=1)
    # A bin moved by n bins turns n / OVERLAP times further per hop.
    for phase in range(1, OVERLAP):
        moved[phase::OVERLAP] *= _TURNS[(np.arange(_BINS) - source) * phase % OVERLAP]
    bands = _band_magnitudes(spectrum)
    gain = bands @ _hats(np.arange(_BINS) / formants)
    gain /= bands @ _hats(source)
    moved *= np.minimum(gain, 8, out=gain)
    moved[:, past_top] = 0
    frames = np.asarray(fft.irfft(moved, WINDOW_SAMPLES)) * (_WINDOW * (2 / OVERLAP))
    return _overlap_add(frames)[first : first + len(audio)]


def _hats(bins: np.ndarray) -> np.ndarray:
    """Return the weight of each band (_BANDS, N) at these bin positions: linear interpolation."""
    position = np.minimum(bins, _BINS - 1) * ((_BANDS - 1) / (_BINS - 1))
    return np.maximum(1 - np.abs(position - np.arange(_BANDS)[:, None]), 0).astype(np.float32)


def _band_magnitudes(spectrum: np.ndarray) -> np.ndarray:
    """Return the spectral envelope (T, _BANDS), a value every 250 Hz."""
    power = np.square(np.real(spectrum)) + np.square(np.imag(spectrum))
    spread = _hats(np.arange(_BINS)).T
    bands = power @ (spread / spread.sum(0))
    return np.sqrt(bands + 1e-6 * bands.max(1, keepdims=True) + 1e-12)


def _overlap_add(frames: np.ndarray) -> np.ndarray:
    """Return the sum of windows laid out HOP_SAMPLES apart."""
    pieces = frames.reshape(len(frames), OVERLAP, HOP_SAMPLES)
    out = np.zeros((len(frames) + OVERLAP - 1, HOP_SAMPLES), np.float32)
    for shift in range(OVERLAP):
        out[shift : shift + len(frames)] += pieces[:, shift]
    return out.reshape(-1)
