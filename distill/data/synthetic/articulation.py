"""Phones to mouth: coarticulated viseme targets, and the closures that must happen.

Targets blend by dominance functions (Cohen & Massaro 1993); the jaw and the lips have their own
dominances and speaker gains (the split of JALI, Edwards et al. 2016). How far targets are reached
is clarity (hyper- and hypo-articulation, Lindblom 1990). Everything here is a function of phones,
audio, style and emotion: nothing is drawn.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from distill.data.synthetic.emotions import Emotion
from distill.data.synthetic.engines import Phone
from distill.data.synthetic.phonemes import BILABIAL, LABIODENTAL, SILENCE, STOPS, VOWELS
from distill.data.synthetic.speakers import Style
from distill.data.synthetic.timbre import loudness_db
from distill.data.synthetic.visemes import CONTROLS, GLIDES, dominance, target
from distill.face.names import ARKIT_52, HEAD

CHANNELS = (*ARKIT_52, *HEAD)
LEAD_S = 0.02
"""Lips move this much ahead of the sound they shape."""

_OPEN_S, _SHUT_S = 0.12, 0.13
_RAMP_S = (0.026, 0.065)
"""Time to make and to release a constriction, at no and at full clarity."""
_VOICE_S, _LOUD_PERCENTILE, _WIDEST = 0.05, 75.0, 1.4
_NARROWEST = (0.05, 0.2)
"""Smallest share of a mouth that a quiet voice leaves, at no and at full clarity."""
_LIMIT = 0.85
"""Shapes approach this level softly, so that strong speakers are not cut off."""


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Rise from 0 to 1 over [0, 1] with zero slope and curvature at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6.0 * x - 15.0) + 10.0)


def soft_limit(x: np.ndarray, top: float = _LIMIT) -> np.ndarray:
    """Return `x` where small, approaching `top` where large, smoothly."""
    return x / (1.0 + (np.maximum(x, 0.0) / top) ** 4) ** 0.25


def activity(phones: Sequence[Phone], times_s: np.ndarray) -> np.ndarray:
    """Return 1 while speaking and 0 in silence, opening before and shutting after the sound."""
    level = np.zeros_like(times_s)
    for start_s, end_s in _spoken(phones):
        rise = smoothstep((times_s - (start_s - _OPEN_S)) / _OPEN_S)
        fall = 1.0 - smoothstep((times_s - end_s) / _SHUT_S)
        level = np.maximum(level, rise * fall)
    return level


def hold(
    phones: Sequence[Phone],
    labels: frozenset[str],
    times_s: np.ndarray,
    fps: float,
    clarity: float = 1.0,
) -> np.ndarray:
    """Return how far a constriction is made (F), 1 at least one frame in each of its phones."""
    ramp_s = _between(_RAMP_S, clarity)
    level = np.zeros_like(times_s)
    for phone in phones:
        if phone.label not in labels:
            continue
        start_s, end_s = phone.start_s, phone.release_s
        if phone.label not in STOPS:  # nasals and fricatives: held, with the edges in motion
            edge_s = 0.15 * (end_s - start_s)
            start_s, end_s = start_s + edge_s, end_s - edge_s
        short_s = 1.02 / fps - (end_s - start_s)
        if short_s > 0.0:  # the plateau always contains a frame
            start_s, end_s = start_s - 0.5 * short_s, end_s + 0.5 * short_s
        rise = smoothstep((times_s - (start_s - ramp_s)) / ramp_s)
        fall = 1.0 - smoothstep((times_s - end_s) / ramp_s)
        level = np.maximum(level, rise * fall)
    return level


def blend(
    phones: Sequence[Phone], times_s: np.ndarray, loud: np.ndarray, clarity: float = 1.0
) -> dict[str, np.ndarray]:
    """Return each control over time (F): targets averaged by dominance."""
    top = np.zeros((len(times_s), len(CONTROLS)))
    bottom = np.full((len(times_s), len(CONTROLS)), 1e-6)
    for (label, start_s, end_s, stress), gain in zip(_gestures(phones), loud, strict=True):
        strength, reach_s = dominance(label, clarity)
        width_s = 0.5 * (end_s - start_s) + reach_s
        away = np.abs(times_s + LEAD_S - 0.5 * (start_s + end_s)) / width_s
        weight = np.exp(-1.8 * away**2)[:, None] * strength
        goal = target(label, clarity)
        if label in VOWELS:
            goal = goal * (0.92 + 0.06 * stress)
            goal[0] *= gain
        top += weight * goal
        bottom += weight
    mean = top / bottom
    return {name: mean[:, i] for i, name in enumerate(CONTROLS)}


def mouth_motion(
    phones: Sequence[Phone],
    audio: Float[np.ndarray, " S"],
    *,
    frames: int,
    fps: float,
    style: Style,
    emotion: Emotion,
    intensity: float = 1.0,
    loudness: float = 0.0,
    clarity: float = 1.0,
) -> Float[np.ndarray, "F D"]:
    """Return motion with the mouth channels filled in and everything else zero.

    Args:
        phones: What is said, and when.
        audio: The sound of it.
        frames: Motion frames F.
        fps: Frames per second.
        style: The speaker's mouth.
        emotion: What is felt.
        intensity: How strongly.
        loudness: Share by which the mouth opens wider per dB of the voice, moment by moment.
        clarity: How far the openings of phones are told apart: 1 as in careful speech, less as in
            recorded conversation, where the jaw follows the voice more and the phone less.
    """
    times_s = np.arange(frames) / fps
    speaking = activity(phones, times_s)
    control = blend(phones, times_s, _vowel_gain(phones, audio), clarity)
    out = _shapes(control, style, style.articulation * emotion.articulation)
    for name, level in emotion.opening.items():
        out[name] = out.get(name, 0.0) + np.full(frames, level * intensity)
    out = {name: soft_limit(value) * speaking for name, value in out.items()}
    if loudness:
        louder = loudness * loudness_db(audio, times_s, _VOICE_S)
        _follow(out, louder, _between(_NARROWEST, clarity))
    shut = hold(phones, BILABIAL, times_s, fps, clarity)
    _constrict(out, shut, hold(phones, LABIODENTAL, times_s, fps, clarity) * (1.0 - shut), clarity)
    felt = intensity * (0.55 + 0.45 * smooth_activity(phones, times_s))
    for name, level in emotion.mouth.items():
        out[name] = out.get(name, 0.0) + level * felt
    out["mouthSmile"] = soft_limit(out["mouthSmile"] + style.smile)
    side = "Left" if style.asymmetry > 0.0 else "Right"
    out["mouth" + side] = 0.5 * abs(style.asymmetry) * speaking
    out["jaw" + side] = 0.3 * abs(style.asymmetry) * control["jaw"] * speaking
    return spread(out, frames, style.asymmetry)


def _shapes(control: dict[str, np.ndarray], style: Style, gain: float) -> dict[str, np.ndarray]:
    """Return channels from controls: a speaker's jaw, lips and rounding in their proportions."""
    lips = {n: control[n] * style.lips * gain for n in CONTROLS if n != "jaw"}
    return {
        "jawOpen": control["jaw"] * style.jaw * gain,
        "mouthFunnel": lips["funnel"] * style.rounding,
        "mouthPucker": lips["pucker"] * style.rounding,
        "mouthStretch": 0.55 * lips["wide"],
        "mouthSmile": 0.35 * lips["wide"],
        "mouthDimple": 0.25 * lips["wide"],
        "mouthUpperUp": lips["upper"] * style.upper_lip,
        "mouthLowerDown": lips["lower"],
        "jawForward": lips["forward"],
        "tongueOut": lips["tongue"],
    }


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + share * (ends[1] - ends[0])


def _follow(out: dict[str, np.ndarray], louder: np.ndarray, narrowest: float) -> None:
    """Open the mouth by a power of the voice's amplitude, as recorded mouths do, in place."""
    gain = np.exp(louder - np.percentile(louder, _LOUD_PERCENTILE)).clip(narrowest, _WIDEST)
    for name in ("jawOpen", "mouthUpperUp", "mouthLowerDown"):
        out[name] = soft_limit(out[name] * gain)


def _constrict(
    out: dict[str, np.ndarray], shut: np.ndarray, bite: np.ndarray, clarity: float
) -> None:
    """Close the lips at /p b m/ and bring the lower lip to the teeth at /f v/, in place."""
    away = (1.0 - shut) * (1.0 - bite)
    for name in ("mouthFunnel", "mouthPucker"):
        out[name] = out[name] * (1.0 - 0.9 * shut) * (1.0 - 0.7 * bite)
    for name in ("mouthUpperUp", "mouthLowerDown", "tongueOut"):
        out[name] = out[name] * away
    for name in ("mouthStretch", "mouthSmile", "mouthDimple"):
        out[name] = out[name] * (1.0 - 0.5 * shut)
    out["jawOpen"] = out["jawOpen"] * (1.0 - 0.75 * shut) * (1.0 - 0.6 * clarity * bite)
    out["mouthClose"] = out["jawOpen"] * shut
    out["mouthPress"] = 0.28 * shut
    out["mouthRollUpper"] = 0.12 * shut
    out["mouthRollLower"] = 0.12 * shut + 0.65 * bite
    out["mouthUpperUp"] = out["mouthUpperUp"] + 0.16 * bite


def smooth_activity(phones: Sequence[Phone], times_s: np.ndarray) -> np.ndarray:
    """Return slow speech activity: it ignores pauses within a sentence."""
    spoken = _spoken(phones)
    if not spoken:
        return np.zeros_like(times_s)
    rise = smoothstep((times_s - (spoken[0][0] - 0.3)) / 0.5)
    return rise * (1.0 - smoothstep((times_s - spoken[-1][1]) / 0.6))


def spread(
    values: dict[str, np.ndarray], frames: int, asymmetry: float = 0.0
) -> Float[np.ndarray, "F D"]:
    """Write named curves into motion; a name without a side goes to both sides, unequally."""
    motion = np.zeros((frames, len(CHANNELS)))
    for name, value in values.items():
        if name in CHANNELS:
            motion[:, CHANNELS.index(name)] += value
            continue
        for side, share in (("Left", 1.0 + asymmetry), ("Right", 1.0 - asymmetry)):
            motion[:, CHANNELS.index(name + side)] += value * share
    shapes = len(ARKIT_52)
    motion[:, :shapes] = np.clip(motion[:, :shapes], 0.0, 1.0)
    return motion


def _spoken(phones: Sequence[Phone]) -> list[tuple[float, float]]:
    """Return stretches of speech without silence inside."""
    stretches: list[tuple[float, float]] = []
    for phone in phones:
        if phone.label == SILENCE:
            continue
        if stretches and phone.start_s - stretches[-1][1] < 1e-6:
            stretches[-1] = (stretches[-1][0], phone.end_s)
        else:
            stretches.append((phone.start_s, phone.end_s))
    return stretches


def _gestures(phones: Sequence[Phone]) -> list[tuple[str, float, float, int]]:
    """Return (shape, start, end, stress), diphthongs as two shapes, silence left out."""
    gestures = []
    for phone in phones:
        if phone.label == SILENCE:
            continue
        if phone.label in GLIDES:
            middle_s = phone.start_s + 0.58 * (phone.end_s - phone.start_s)
            first, second = GLIDES[phone.label]
            gestures.append((first, phone.start_s, middle_s, phone.stress))
            gestures.append((second, middle_s, phone.end_s, phone.stress))
        else:
            gestures.append((phone.label, phone.start_s, phone.end_s, phone.stress))
    return gestures


def _vowel_gain(phones: Sequence[Phone], audio: np.ndarray) -> np.ndarray:
    """Return the jaw's factor per gesture: louder vowels than the clip's middle open wider."""
    gestures = _gestures(phones)
    middles = np.array([0.5 * (start + end) for _, start, end, _ in gestures])
    level = loudness_db(audio, middles)
    vowels = np.array([label in VOWELS for label, *_ in gestures], bool)
    if not vowels.any():
        return np.ones(len(gestures))
    return np.clip(1.0 + 0.03 * (level - np.median(level[vowels])), 0.8, 1.2)
