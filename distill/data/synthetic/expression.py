"""Eyes, brows and head: the part of a performance that sound does not settle.

Emotion, speaker and speech shape it; blinks, gaze, brow raises and head sway are drawn from the
clip's seed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from distill.data.synthetic.articulation import activity, smooth_activity, smoothstep, spread
from distill.data.synthetic.emotions import Emotion
from distill.data.synthetic.engines import Phone
from distill.data.synthetic.phonemes import VOWELS
from distill.data.synthetic.speakers import Style

_SHUT_S, _HELD_S, _OPEN_S = 0.08, 0.04, 0.14
HEAD_LIMIT_RAD = 0.22


def upper_motion(
    phones: Sequence[Phone],
    *,
    frames: int,
    fps: float,
    style: Style,
    emotion: Emotion,
    seed: int,
    intensity: float = 1.0,
    question: bool = False,
) -> Float[np.ndarray, "F D"]:
    """Return motion with eyes, brows and head filled in and the mouth zero."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(frames) / fps
    felt = intensity * (0.6 + 0.4 * smooth_activity(phones, times_s))
    out: dict[str, Any] = {name: level * felt for name, level in emotion.upper.items()}
    raises = _raises(phones, times_s, style, emotion, question, rng)
    drift = 0.03 * _sway(times_s, rng, (0.1, 0.6))
    _add(out, "browInnerUp", 0.55 * raises + max(style.brow, 0.0) + np.maximum(drift, 0.0))
    _add(out, "browOuterUp", 0.8 * raises + 0.6 * max(style.brow, 0.0))
    _add(out, "browDown", max(-style.brow, 0.0) + np.maximum(-drift, 0.0))
    squint = 0.05 * np.maximum(_sway(times_s, rng, (0.1, 0.5)), 0.0)
    _add(out, "eyeSquint", style.squint + squint)
    down = _gaze(out, times_s, rng)
    lids = _blinks(times_s, style.blinks_per_min, rng)
    rest = out.get("eyeBlink", 0.0) + 0.5 * down
    out["eyeBlink"] = np.maximum(lids, rest * np.ones(frames))
    out["eyeWide"] = out.get("eyeWide", np.zeros(frames)) * (1.0 - lids)
    _head(out, phones, times_s, style, emotion, rng)
    return spread(out, frames, 0.3 * style.asymmetry)


def _add(out: dict[str, Any], name: str, value: Any) -> None:
    out[name] = out.get(name, 0.0) + value


def _sway(
    times_s: np.ndarray, rng: np.random.Generator, band_hz: tuple[float, float]
) -> np.ndarray:
    """Return smooth noise of unit deviation: six sines in a frequency band."""
    hz = rng.uniform(*band_hz, 6)
    phase = rng.uniform(0, 2 * np.pi, 6)
    weight = hz**-0.5
    waves = np.sin(2 * np.pi * hz * times_s[:, None] + phase)
    return waves @ weight / np.sqrt(0.5 * np.sum(weight**2))


def _bump(times_s: np.ndarray, middle_s: float, width_s: float) -> np.ndarray:
    return smoothstep(1.0 - np.abs(times_s - middle_s) / width_s)


def _stressed(phones: Sequence[Phone]) -> list[float]:
    """Return the middles of stressed vowels, in seconds."""
    return [
        0.5 * (p.start_s + p.end_s)
        for p in phones
        if p.label in VOWELS and (p.stress == 2 or p.end_s - p.start_s > 0.14)
    ]


def _raises(
    phones: Sequence[Phone], times_s: np.ndarray, style: Style, emotion: Emotion,
    question: bool, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return brow raises: some stressed words, and the end of a question."""
    level = np.zeros_like(times_s)
    stressed = _stressed(phones)
    for middle_s in stressed:
        chosen = rng.random() < 0.6 * style.brow_raise * emotion.liveliness
        size, width_s = rng.uniform(0.15, 0.45), rng.uniform(0.18, 0.35)
        if chosen:
            level = np.maximum(level, size * _bump(times_s, middle_s + 0.04, width_s))
    if question and stressed:
        level = np.maximum(level, rng.uniform(0.2, 0.45) * _bump(times_s, stressed[-1], 0.5))
    return level


def _blinks(times_s: np.ndarray, per_min: float, rng: np.random.Generator) -> np.ndarray:
    """Return lid closure: fast shut, short hold, slower opening; a gamma-distributed rhythm."""
    lids = np.zeros_like(times_s)
    mean_s = 60.0 / per_min
    end_s = float(times_s[-1]) if len(times_s) else 0.0
    start_s = -rng.uniform(0.0, 1.0) * mean_s + rng.gamma(3.0, mean_s / 3.0)
    while start_s < end_s:
        depth, slow = rng.uniform(0.88, 1.0), rng.uniform(0.9, 1.2)
        shut = smoothstep((times_s - start_s) / (_SHUT_S * slow))
        opening_s = start_s + (_SHUT_S + _HELD_S) * slow
        opened = smoothstep((times_s - opening_s) / (_OPEN_S * slow))
        lids = np.maximum(lids, depth * shut * (1.0 - opened))
        start_s += max(0.45, rng.gamma(3.0, mean_s / 3.0))
    return lids


def _gaze(out: dict[str, Any], times_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move both eyes in small saccades; return how far they look down."""
    side, lift = np.zeros_like(times_s), np.zeros_like(times_s)
    end_s = float(times_s[-1]) if len(times_s) else 0.0
    start_s = -rng.uniform(0.0, 1.5)
    while start_s < end_s:
        goal = rng.normal(0.0, (0.09, 0.06))
        share = smoothstep((times_s - start_s) / 0.07)
        side += share * (goal[0] - side)
        lift += share * (goal[1] - lift)
        start_s += rng.uniform(0.5, 2.2)
    right, left = np.maximum(side, 0.0), np.maximum(-side, 0.0)
    up, down = np.maximum(lift, 0.0), np.maximum(-lift, 0.0)
    for name, value in (
        ("eyeLookOutLeft", left), ("eyeLookInRight", left), ("eyeLookInLeft", right),
        ("eyeLookOutRight", right), ("eyeLookUp", up), ("eyeLookDown", down),
    ):  # fmt: skip
        _add(out, name, value)
    return out["eyeLookDown"]


def _head(
    out: dict[str, Any], phones: Sequence[Phone], times_s: np.ndarray, style: Style,
    emotion: Emotion, rng: np.random.Generator,
) -> None:  # fmt: skip
    """Add head posture, sway while speaking, and nods (positive pitch looks down)."""
    size = style.head_rad * emotion.liveliness
    moving = 0.4 + 0.6 * smooth_activity(phones, times_s)
    nods = np.zeros_like(times_s)
    for middle_s in _stressed(phones):
        chosen, depth = rng.random() < 0.5, rng.uniform(0.4, 1.0)
        if chosen:
            nods += depth * _bump(times_s, middle_s + 0.06, 0.22)
    yaw = size * moving * _sway(times_s, rng, (0.12, 0.9))
    pitch = 0.7 * size * moving * _sway(times_s, rng, (0.12, 1.1)) + 0.9 * size * nods
    roll = 0.5 * size * moving * _sway(times_s, rng, (0.1, 0.7)) + style.tilt_rad
    pitch = pitch - emotion.nod_rad * (0.6 + 0.4 * activity(phones, times_s).max(initial=0.0))
    for name, value in (("headYaw", yaw), ("headPitch", pitch), ("headRoll", roll)):
        out[name] = HEAD_LIMIT_RAD * np.tanh(value / HEAD_LIMIT_RAD)
