"""Sound of any rate to 16 kHz while it arrives, a few milliseconds behind it.

Resamplers for files wait for tens of milliseconds; a face that answers has no time for that.
"""

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64

from distill.units import SAMPLE_RATE_HZ

ZEROS, BETA, BAND = 32, 8.0, 0.96
"""Zero crossings of the kernel on each side, Kaiser's parameter, pass band of the lower rate."""
PHASES = 2560
"""Most kernels between two samples of the lower rate: every common rate needs fewer, and the size
of their table has a limit, whatever rate a stranger asks for."""


class StreamResampler:
    """A windowed sinc in steps: what comes out depends on the sound, never on how it is cut.

    Sample k is the sound at k / 16000 s, silence before its start and after its end.

    Args:
        rate_hz: Samples per second that arrive.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz, self.kernels = rate_hz, _kernels(rate_hz)
        self.reach = self.kernels.shape[1] // 2
        self._kept, self._first = np.zeros(self.reach - 1, np.float32), 1 - self.reach
        self._made = 0

    @property
    def delay_s(self) -> float:
        """Sound after a sample's time that must be heard before the sample can be made."""
        return self.reach / self.rate_hz

    def push(self, pcm: Float32[np.ndarray, " N"]) -> Float32[np.ndarray, " M"]:
        """Hear more; return the samples at 16 kHz that this completes."""
        self._kept = np.concatenate([self._kept, pcm])
        known = self._first + len(self._kept)
        return self._until(-(-(known - self.reach) * SAMPLE_RATE_HZ // self.rate_hz))

    def finish(self) -> Float32[np.ndarray, " M"]:
        """Return the samples that are left when the sound has ended."""
        heard = self._first + len(self._kept)
        self._kept = np.concatenate([self._kept, np.zeros(self.reach, np.float32)])
        return self._until(-(-heard * SAMPLE_RATE_HZ // self.rate_hz))

    def _until(self, end: int) -> Float32[np.ndarray, " M"]:
        """Return samples up to `end`; everything they need is there."""
        if end <= self._made:
            return np.zeros(0, np.float32)
        places = np.arange(self._made, end, dtype=np.int64) * self.rate_hz
        before, rest = np.divmod(places, SAMPLE_RATE_HZ)
        windows = np.lib.stride_tricks.sliding_window_view(self._kept, 2 * self.reach)
        heard = windows[before - self.reach + 1 - self._first]
        phases = len(self.kernels) - 1
        nearest = (2 * rest * phases + SAMPLE_RATE_HZ) // (2 * SAMPLE_RATE_HZ)
        made = (heard * self.kernels[nearest]).sum(axis=1)
        self._made = end
        drop = end * self.rate_hz // SAMPLE_RATE_HZ - self.reach + 1 - self._first
        self._kept, self._first = self._kept[drop:], self._first + drop
        return made


@lru_cache(maxsize=4)
def _kernels(rate_hz: int) -> Float32[np.ndarray, "phases taps"]:
    """Return the weights of the samples around a place, for phases from one of them to the next."""
    scale = min(1.0, SAMPLE_RATE_HZ / rate_hz)
    reach = math.ceil(ZEROS / (BAND * scale))
    count = min(SAMPLE_RATE_HZ // math.gcd(rate_hz, SAMPLE_RATE_HZ), math.ceil(PHASES * scale))
    phases = np.arange(count + 1)[:, None] / count
    offset = np.arange(1 - reach, reach + 1) - phases
    weights = BAND * scale * np.sinc(BAND * scale * offset) * _kaiser(offset / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _kaiser(x: Float64[np.ndarray, "phases taps"]) -> Float64[np.ndarray, "phases taps"]:
    """Kaiser's window at places from -1 to 1; zero outside."""
    return np.i0(BETA * np.sqrt(np.clip(1 - x * x, 0.0, 1.0))) / np.i0(BETA) * (np.abs(x) < 1)
