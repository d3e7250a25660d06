"""How well generated lips fit a real recording: its voice, its labelled phones, its video.

Lip gaps are judged on the clip's own scale: 0 is closed, the smaller of the gap at rest and the
1st percentile of the clip's gap; 1 is open, the 99th percentile. A bilabial counts as closed when
the smallest gap inside it is under 0.1 (`benchmarks.metrics.closure`), an open vowel counts as
open when its mean gap is over 0.2.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from benchmarks.metrics.closure import BILABIALS, CLOSED_SHARE, frames_of
from benchmarks.real.sources import Curve, RealClip
from benchmarks.reference import RANGE_PERCENTILES
from distill.audio.decode import load_audio
from distill.audio.sync import MAX_LAG_S, lag_curve, peak
from distill.face.space import MotionSpace
from distill.talker import Talker
from distill.types import SAMPLE_RATE_HZ, Interval

OPEN_VOWELS = frozenset(("aa", "ae", "ao", "aw", "ay"))
OPEN_SHARE = 0.2
LAG_STEP_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was measured on one recording; NaN where it has nothing to measure with.

    Attributes:
        group: Folder.
        name: File.
        language: `en` or `zh`.
        validation: Whether the file may be used for choosing settings.
        seconds: Length.
        sync_r: Correlation of lip gap and log envelope inside speech.
        sync_lag_ms: Lag of its peak; positive when motion is late.
        mismatched_r: The same correlation with another file's voice.
        bilabials: Labelled p, b, m.
        closed: How many of them close the lips.
        bilabial_level: Mean over them of the smallest gap, 0 closed and 1 open.
        vowels: Labelled open vowels.
        opened: How many of them stay open.
        vowel_level: Mean over them of the mean gap, 0 closed and 1 open.
        recorded_r: Correlation with the recorded mouth opening, at its frame times.
        recorded_best_r: The same at the best lag.
        recorded_lag_ms: That lag; positive when generated motion is late.
    """

    group: str
    name: str
    language: str
    validation: bool
    seconds: float
    sync_r: float
    sync_lag_ms: float
    mismatched_r: float
    bilabials: int = 0
    closed: int = 0
    bilabial_level: float = math.nan
    vowels: int = 0
    opened: int = 0
    vowel_level: float = math.nan
    recorded_r: float = math.nan
    recorded_best_r: float = math.nan
    recorded_lag_ms: float = math.nan


def judge(
    talker: Talker,
    space: MotionSpace,
    clips: Sequence[RealClip],
    progress: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """Animate every recording and measure its lips; the other voice is the group's next file."""
    rest_mm = float(space.lip_gap_mm(torch.zeros(space.motion_dim)))
    others = _others(clips)
    found = []
    for done, (clip, other) in enumerate(zip(clips, others, strict=True), 1):
        audio = load_audio(clip.path)
        motion = talker.generate(audio).values
        gap = space.lip_gap_mm(torch.from_numpy(motion)).double().numpy()
        foreign = math.nan
        if other is not None:
            foreign = sync(gap, np.resize(load_audio(other), len(audio)), talker.fps)[0]
        own_r, lag_ms = sync(gap, audio, talker.fps)
        found.append(
            Judged(
                group=clip.group,
                name=clip.name,
                language=clip.language,
                validation=clip.validation,
                seconds=len(audio) / SAMPLE_RATE_HZ,
                sync_r=own_r,
                sync_lag_ms=lag_ms,
                mismatched_r=foreign,
                **closures(gap, clip.phones, talker.fps, rest_mm),
                **followed(gap, talker.fps, clip.recorded),
            )
        )
        if progress:
            progress(done, len(clips))
    return found


def sync(
    gap: Float[np.ndarray, " T"], audio: Float[np.ndarray, " S"], fps: float
) -> tuple[float, float]:
    """Return (correlation at lag 0, lag of the peak in ms); NaN without speech or movement."""
    curve = lag_curve(gap, audio, fps)
    if curve is None or not np.isfinite(curve).any():
        return math.nan, math.nan
    return float(curve[len(curve) // 2]), 1000.0 * peak(curve) / fps


def closures(
    gap_mm: Float[np.ndarray, " T"], phones: Sequence[Interval], fps: float, rest_mm: float
) -> dict:
    """Count bilabials that close and open vowels that stay open; a still mouth does neither."""
    low, high = np.percentile(gap_mm, RANGE_PERCENTILES)
    low = min(float(low), rest_mm)
    level = (gap_mm - low) / (high - low) if high - low > 1e-6 else np.full(len(gap_mm), np.nan)
    inside = [(phone.label, level[frames_of(phone, fps)]) for phone in phones]
    shut = np.array([part.min() for label, part in inside if label in BILABIALS and len(part)])
    wide = np.array([part.mean() for label, part in inside if label in OPEN_VOWELS and len(part)])
    return {
        "bilabials": len(shut),
        "closed": int((shut < CLOSED_SHARE).sum()),
        "bilabial_level": float(shut.mean()) if len(shut) else math.nan,
        "vowels": len(wide),
        "opened": int((wide > OPEN_SHARE).sum()),
        "vowel_level": float(wide.mean()) if len(wide) else math.nan,
    }


def followed(gap_mm: Float[np.ndarray, " T"], fps: float, recorded: Curve | None) -> dict:
    """Correlate with a recorded mouth opening, at lag 0 and at the best lag within 300 ms."""
    if recorded is None:
        return {}
    steps = round(MAX_LAG_S / LAG_STEP_S)
    lags_s = LAG_STEP_S * np.arange(-steps, steps + 1)
    curve = np.array([_correlation(gap_mm, fps, recorded, float(lag_s)) for lag_s in lags_s])
    if not np.isfinite(curve).any():
        return {}
    best = int(np.nanargmax(curve))
    return {
        "recorded_r": float(curve[steps]),
        "recorded_best_r": float(curve[best]),
        "recorded_lag_ms": 1000.0 * float(lags_s[best]),
    }


def _correlation(
    gap_mm: Float[np.ndarray, " T"], fps: float, recorded: Curve, lag_s: float
) -> float:
    """Correlate recorded frames with the generated curve, read `lag_s` later between its frames."""
    times_s = np.arange(len(recorded.values)) / recorded.fps + lag_s
    both = (times_s >= 0.0) & (times_s <= (len(gap_mm) - 1) / fps)
    seen = recorded.values[both]
    made = np.interp(times_s[both], np.arange(len(gap_mm)) / fps, gap_mm)
    if len(seen) < 2 or np.ptp(seen) < 1e-9 or np.ptp(made) < 1e-9:
        return math.nan
    return float(np.corrcoef(seen, made)[0, 1])


def _others(clips: Sequence[RealClip]) -> list[Path | None]:
    """Return for each clip the sound of the next one of its group; None for a group of one."""
    groups: dict[str, list[RealClip]] = {}
    for clip in clips:
        groups.setdefault(clip.group, []).append(clip)
    following = {
        clip.path: group[(index + 1) % len(group)].path
        for group in groups.values()
        for index, clip in enumerate(group)
    }
    return [None if following[clip.path] == clip.path else following[clip.path] for clip in clips]
