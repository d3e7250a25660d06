"""Exact timing between audio samples and motion frames: integers only, so nothing drifts."""

from fractions import Fraction
from functools import lru_cache

from distill.errors import UserError
from distill.units import SAMPLE_RATE_HZ

_BROADCAST_BASES = (24, 30, 48, 60, 120)
_MAX_FPS = 1000


@lru_cache
def exact_fps(fps: float | int) -> Fraction:
    """Return `fps` as an exact ratio; 23.976, 29.97 and 59.94 mean the broadcast n*1000/1001.

    Raises:
        UserError: `fps` is not between 1 and 1000.
    """
    if not 1 <= fps <= _MAX_FPS:
        raise UserError(f"fps={fps} is outside 1 to {_MAX_FPS}; motion usually has 25, 30 or 60")
    for base in _BROADCAST_BASES:
        broadcast = Fraction(base * 1000, 1001)
        if abs(fps - broadcast) < 5e-3:
            return broadcast
    return Fraction(fps).limit_denominator(1001)


def frames_for(samples: int, fps: float | int) -> int:
    """Return how many motion frames cover `samples`: ceil(samples * fps / 16000), at least 1."""
    return max(1, -(-samples * exact_fps(fps) // SAMPLE_RATE_HZ))


def sample_at(frame: int, fps: float | int) -> int:
    """Return the sample at which motion frame `frame` starts: floor(frame * 16000 / fps)."""
    return int(frame * SAMPLE_RATE_HZ // exact_fps(fps))
