"""Time codes of recordings, `hh:mm:ss:ff.mmm`: from labels to seconds.

Labels are counted at a whole rate, which need not be that of the recording: Live Link Face counts
its own clock at 60 per second whatever it records. Cameras of 29.97 and 59.94 frames per second use
drop-frame labels (SMPTE ST 12-1): so that labels keep up with the clock, the first 2 (of 30) or 4
(of 60) of every minute are skipped, but for each tenth minute. No frame is missing there.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from distill.errors import UserError

TIMECODE_HZ = 60
"""Labels per second of Live Link Face's own clock."""
BASES_HZ = (24, 25, 30, 50, 60)
SKIPPED = {30: 2, 60: 4}
"""Labels that drop-frame codes skip, by their rate."""
DAY_S = 86_400
_FORM = re.compile(r"(\d+):(\d+):(\d+)([:;])(\d+(?:\.\d+)?)")


@dataclass(frozen=True, kw_only=True)
class Timecodes:
    """When frames were recorded.

    Attributes:
        times_s: Seconds since the first frame.
        base_hz: Labels per second.
        drop: Whether labels are skipped: `base_hz` labels then take 1.001 s.
    """

    times_s: Float[np.ndarray, " F"]
    base_hz: int
    drop: bool


def timecodes(codes: list[str], path: Path) -> Timecodes:
    """Read the time codes of consecutive frames of a file; midnight may lie among them.

    Raises:
        UserError: A code has another form, or codes go back in time.
    """
    found = [_FORM.fullmatch(code.strip()) for code in codes]
    if None in found:
        raise UserError(
            f"{path}: time code {codes[found.index(None)]!r} is not of the form hh:mm:ss:ff.mmm"
        )
    parts = [match.groups() for match in found if match]
    seconds = np.array([int(h) * 3600 + int(m) * 60 + int(s) for h, m, s, _, _ in parts])
    seconds += DAY_S * np.cumsum(np.diff(seconds, prepend=seconds[0]) < -DAY_S // 2)
    labels = np.array([float(label) for *_, label in parts])
    base = _base_hz(seconds, labels)
    marked = any(mark == ";" for *_, mark, _ in parts)
    drop = base in SKIPPED and (marked or _skips(seconds, labels, base))
    counted = seconds * base + labels
    if drop:
        minutes = seconds // 60
        counted -= SKIPPED[base] * (minutes - minutes // 10)
    times_s = (counted - counted[0]) / base * (1.001 if drop else 1.0)
    back = np.flatnonzero(np.diff(times_s) < 0)
    if len(back):
        raise UserError(
            f"{path}: time goes back from {codes[back[0]]} to {codes[back[0] + 1]}; "
            "cut the recording there"
        )
    return Timecodes(times_s=times_s, base_hz=base, drop=drop)


def _base_hz(seconds: Int[np.ndarray, " F"], labels: Float[np.ndarray, " F"]) -> int:
    """Return how many labels a second has, from how far they fall where a second ends."""
    turns = np.diff(seconds) == 1
    if not turns.any():
        return TIMECODE_HZ
    step = np.median(np.diff(labels))
    turn = np.median(step - np.diff(labels)[turns])
    return min(BASES_HZ, key=lambda rate: abs(rate - turn))


def _skips(seconds: Int[np.ndarray, " F"], labels: Float[np.ndarray, " F"], base: int) -> bool:
    """Return whether every minute that should lack its first labels begins with the next ones."""
    opening = (seconds % 60 == 0) & (seconds // 60 % 10 != 0)
    first = np.flatnonzero(opening[1:] & (np.diff(seconds) == 1)) + 1
    if not len(first):
        return False
    late = labels[first] - SKIPPED[base]
    return bool((late >= 0).all() and (late < 1.5 * np.median(np.diff(labels))).all())
