"""How the opening of a mouth follows the loudness of a voice: correlation at every lag."""

import math

import numpy as np
from jaxtyping import Bool, Float

from distill.types import SAMPLE_RATE_HZ

WINDOW_S = 0.1
RANGE_DB = 30.0
FLOOR_DB = 40.0
HANGOVER_S = 0.3
MAX_LAG_S = 0.3


def log_envelope_db(audio: Float[np.ndarray, " S"], frames: int, fps: float) -> np.ndarray:
    """Return loudness in dB per frame, in a 100 ms window centred on the frame's time."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    centre = np.arange(frames) * SAMPLE_RATE_HZ / fps
    half = WINDOW_S * SAMPLE_RATE_HZ / 2
    first = np.clip(np.rint(centre - half).astype(int), 0, len(audio))
    last = np.clip(np.rint(centre + half).astype(int), 0, len(audio))
    return 10 * np.log10((energy[last] - energy[first]) / np.maximum(last - first, 1) + 1e-10)


def speech_mask(envelope_db: Float[np.ndarray, " T"], fps: float) -> Bool[np.ndarray, " T"]:
    """Return frames within 30 dB of the loud part, each held on for another 300 ms."""
    loud = envelope_db > max(np.percentile(envelope_db, 95) - RANGE_DB, -90.0)
    held = loud.copy()
    for shift in range(1, round(HANGOVER_S * fps) + 1):
        held[shift:] |= loud[:-shift]
    return held


def lag_curve(
    lip_gap_mm: Float[np.ndarray, " T"],
    audio: Float[np.ndarray, " S"],
    fps: float,
    reach_s: float = MAX_LAG_S,
) -> np.ndarray | None:
    """Return the correlation at every lag of whole frames within `reach_s`; lag 0 in the middle.

    NaN where the mouth is still; None when there is too little speech to correlate with.
    """
    frames = len(lip_gap_mm)
    envelope = log_envelope_db(audio, frames, fps)
    speech = np.nonzero(speech_mask(envelope, fps))[0]
    reach = round(reach_s * fps)
    if len(speech) <= 2 * reach or np.ptp(envelope[speech]) < 1e-6:
        return None
    envelope = np.maximum(envelope, np.percentile(envelope, 95) - FLOOR_DB)
    gap = lip_gap_mm.astype(np.float64)
    lags = range(-reach, reach + 1)
    kept = [speech[(speech + lag >= 0) & (speech + lag < frames)] for lag in lags]
    pairs = zip(lags, kept, strict=True)
    return np.array([pearson(envelope[at], gap[at + lag]) for lag, at in pairs])


def peak(curve: Float[np.ndarray, " N"]) -> float:
    """Return the lag of the maximum in frames, refined by the parabola through its neighbours."""
    at = int(np.nanargmax(curve))
    refined = 0.0
    if 0 < at < len(curve) - 1:
        before, here, after = curve[at - 1 : at + 2]
        bend = before - 2 * here + after
        refined = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return at - len(curve) // 2 + refined


def pearson(a: Float[np.ndarray, " N"], b: Float[np.ndarray, " N"]) -> float:
    """Return Pearson's correlation in [-1, 1]; NaN where one of the two does not vary."""
    if len(a) < 2:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    power_a, power_b = float(a @ a), float(b @ b)
    if power_a == 0 or power_b < 1e-12 * len(b):
        return float("nan")
    return min(1.0, max(-1.0, float(a @ b) / math.sqrt(power_a * power_b)))
