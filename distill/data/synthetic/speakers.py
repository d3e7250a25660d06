"""Speakers: a voice, and a face style that follows from the voice.

A speaker is a point in a four-dimensional voice space (pitch, formants, rate, brightness) plus
an accent and an engine's variant. The face style is a fixed smooth function of that point with
a little of the speaker's own, so a style can be inferred from a voice never heard before.
flite has few voices: formants and pitch make several speakers of each.
"""

from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from distill.data.synthetic.flite import FIXED_PITCH, pitch_factor
from distill.data.synthetic.flite import VOICES as _FLITE

# espeak-ng variant: middle of its pitch range in Hz (`pitch` line of its voice file).
_MEN = {
    "m1": 92, "m3": 101, "m4": 90, "m5": 100, "m6": 99, "m7": 100, "m8": 83, "max": 100,
    "paul": 85, "robert": 90, "adam": 100, "edward": 100, "benjamin": 100, "sandro": 97,
}  # fmt: skip
_WOMEN = {
    "f1": 170, "f3": 190, "steph": 183, "linda": 223, "belinda": 223, "Andrea": 232,
    "aunty": 190, "Annie": 200, "anika": 250,
}  # fmt: skip
_ACCENTS = (
    "en-us", "en-gb-x-rp", "en-gb-scotland", "en-029", "en", "en-us-nyc", "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
)  # fmt: skip
_ENGINE_MEDIAN_RATE_WPM = 168.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a speaker's face moves.

    Attributes:
        articulation: Factor on all mouth movement.
        jaw: Factor on the jaw, against `lips` on the lips.
        lips: Factor on lip shapes.
        rounding: Factor on funnel and pucker.
        asymmetry: Left minus right, as a share.
        smile: Smile at rest.
        upper_lip: Factor on upper-lip raising.
        brow: Brow at rest, positive up.
        brow_raise: Chance of a brow raise on a stressed word.
        squint: Lids at rest.
        blinks_per_min: Blink rate.
        head_rad: Size of head motion.
        tilt_rad: Head roll at rest.
    """

    articulation: float
    jaw: float
    lips: float
    rounding: float
    asymmetry: float
    smile: float
    upper_lip: float
    brow: float
    brow_raise: float
    squint: float
    blinks_per_min: float
    head_rad: float
    tilt_rad: float


_STYLE_RANGES = {
    "articulation": (0.84, 1.16), "jaw": (0.75, 1.22), "lips": (0.78, 1.2),
    "rounding": (0.75, 1.2), "asymmetry": (-0.24, 0.24), "smile": (0.0, 0.16),
    "upper_lip": (0.6, 1.5), "brow": (-0.24, 0.26), "brow_raise": (0.1, 0.6),
    "squint": (0.0, 0.26), "blinks_per_min": (11.0, 22.0), "head_rad": (0.02, 0.055),
    "tilt_rad": (-0.06, 0.06),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A speaker.

    Attributes:
        id: `s00`... are training speakers, `u00`... unseen ones.
        engine: The speech engine.
        voice: The engine's voice.
        pitch: The engine's 0-99 pitch before emotion.
        rate_wpm: Speaking rate before emotion.
        formants: Factor on formants and pitch, made by resampling.
        tilt_db: Spectral tilt at 4 kHz.
        style: The face.
    """

    id: str
    engine: str
    voice: str
    pitch: float
    rate_wpm: float
    formants: float
    tilt_db: float
    style: Style


@cache
def make_speaker(index: int, *, unseen: bool = False, engine: str = "espeak") -> Speaker:
    """Return training speaker `index`, or unseen speaker `index`; always the same one.

    `engine` is `espeak`, `flite` or `mixed`: every other pair of speakers is flite's.
    """
    number = 5003 + 17 * index if unseen else index
    point = _point(number)
    if engine == "mixed":
        engine = "flite" if number // 2 % 2 else "espeak"
    voice, f0_hz, woman = (_flite_voice if engine == "flite" else _espeak_voice)(number)
    formants = (1.0 if woman else 1.02) + 0.12 * point[1]
    pitch = 50.0 + 16.0 * point[0]
    f0_hz = f0_hz * formants * (1.0 if voice in FIXED_PITCH else pitch_factor(pitch))
    heard = np.array([np.log2(f0_hz / 130.0), 1.2 * point[1], point[2], point[3]])
    return Speaker(
        id=f"{'u' if unseen else 's'}{index:02d}",
        engine=engine,
        voice=voice,
        pitch=pitch,
        rate_wpm=_ENGINE_MEDIAN_RATE_WPM * (1.0 + 0.14 * point[2]),
        formants=formants,
        tilt_db=5.0 * point[3],
        style=_style(heard, number),
    )


def _espeak_voice(number: int) -> tuple[str, float, bool]:
    """Return voice, the middle of its pitch in Hz, and whether it is a woman's."""
    woman = number % 2 == 1
    pool = _WOMEN if woman else _MEN
    names = tuple(pool)
    variant = names[(number // 2) % len(names)]
    accent = _ACCENTS[(number // 2 + number // (2 * len(names))) % len(_ACCENTS)]
    return f"{accent}+{variant}", float(pool[variant]), woman


def _flite_voice(number: int) -> tuple[str, float, bool]:
    """Return the same for flite; its voices take turns, also among every other pair."""
    voice = tuple(_FLITE)[(number // 4 * 2 + number) % len(_FLITE)]
    return voice, _FLITE[voice], voice == "slt"


def _point(number: int) -> np.ndarray:
    """Return four coordinates in [-1, 1], evenly spread over any run of numbers (R4 sequence)."""
    root = 1.1673039782614187  # of x^5 = x + 1
    steps = np.array([root**-1, root**-2, root**-3, root**-4])
    return 2.0 * np.mod(0.5 + steps * (number + 1), 1.0) - 1.0


def _style(heard: np.ndarray, number: int) -> Style:
    """Map what is heard of a voice (4,) smoothly to a style, plus a little of its own."""
    fixed = np.random.default_rng(20240)
    names = [f.name for f in fields(Style)]
    hidden = np.tanh(fixed.normal(0, 1.0, (16, 4)) @ heard + fixed.normal(0, 0.5, 16))
    mixed = fixed.normal(0, 1.0, (len(names), 16)) @ hidden / 2.2
    own = np.random.default_rng([20241, number]).normal(0, 0.25, len(names))
    unit = 0.5 + 0.5 * np.tanh(mixed + own)
    values = {}
    for name, share in zip(names, unit, strict=True):
        low, high = _STYLE_RANGES[name]
        values[name] = float(low + (high - low) * share)
    return Style(**values)
