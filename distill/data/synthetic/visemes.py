"""Mouth shapes of phones and how strongly each holds them (dominance)."""

import numpy as np

CONTROLS = (
    "jaw", "funnel", "pucker", "wide", "upper", "lower", "tongue", "forward",
)  # fmt: skip
_LIPS = slice(1, 4)
_VERTICAL = slice(4, 6)
_OPENING = np.array([True, *[False] * 3, True, True, *[False] * 2])
_MIDDLE = np.array([0.30, 0, 0, 0, 0.09, 0.19, 0, 0])
"""Jaw and vertical lips of a middle vowel, which speech of little clarity stays near."""

# phone: targets in the order of CONTROLS, at an articulation strength of 1
_TARGETS: dict[str, tuple[float, ...]] = {
    "aa": (0.56, 0.05, 0.00, 0.10, 0.10, 0.28, 0, 0),
    "ae": (0.47, 0.00, 0.00, 0.36, 0.16, 0.32, 0, 0),
    "ah": (0.38, 0.05, 0.00, 0.12, 0.08, 0.20, 0, 0),
    "ao": (0.45, 0.42, 0.16, 0.00, 0.05, 0.16, 0, 0),
    "ax": (0.26, 0.05, 0.00, 0.12, 0.06, 0.14, 0, 0),
    "eh": (0.38, 0.00, 0.00, 0.32, 0.12, 0.24, 0, 0),
    "er": (0.26, 0.32, 0.16, 0.00, 0.08, 0.14, 0, 0),
    "ih": (0.26, 0.00, 0.00, 0.32, 0.10, 0.20, 0, 0),
    "iy": (0.18, 0.00, 0.00, 0.55, 0.12, 0.20, 0, 0),
    "uh": (0.26, 0.36, 0.30, 0.00, 0.05, 0.12, 0, 0),
    "uw": (0.17, 0.34, 0.60, 0.00, 0.03, 0.06, 0, 0),
    "p": (0.08, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0),
    "f": (0.10, 0.0, 0.0, 0.10, 0.0, 0.0, 0, 0),
    "th": (0.16, 0.0, 0.0, 0.14, 0.10, 0.22, 0.35, 0),
    "t": (0.12, 0.0, 0.0, 0.18, 0.10, 0.18, 0, 0),
    "l": (0.18, 0.0, 0.0, 0.14, 0.10, 0.18, 0.10, 0),
    "s": (0.07, 0.0, 0.0, 0.32, 0.16, 0.22, 0, 0),
    "sh": (0.09, 0.52, 0.26, 0.0, 0.18, 0.20, 0, 0.15),
    "r": (0.16, 0.38, 0.30, 0.0, 0.05, 0.12, 0, 0),
    "w": (0.10, 0.28, 0.66, 0.0, 0.0, 0.04, 0, 0),
    "y": (0.14, 0.0, 0.0, 0.42, 0.10, 0.16, 0, 0),
    "k": (0.22, 0.0, 0.0, 0.10, 0.08, 0.16, 0, 0),
    "hh": (0.28, 0.0, 0.0, 0.05, 0.05, 0.10, 0, 0),
}
_SAME = {
    "b": "p", "m": "p", "v": "f", "dh": "th", "d": "t", "n": "t", "z": "s", "zh": "sh",
    "ch": "sh", "jh": "sh", "g": "k", "ng": "k",
}  # fmt: skip
GLIDES = {
    "ay": ("aa", "iy"), "aw": ("aa", "uw"), "ey": ("eh", "iy"), "ow": ("ao", "uw"),
    "oy": ("ao", "iy"),
}  # fmt: skip
"""Diphthongs move from one shape to another."""

# class: dominance over jaw, lips, vertical, rest; and how far it reaches beyond the phone (s)
_STRENGTH = {
    "p": (1.3, 0.25, 1.0, 1.0, 0.045), "f": (1.3, 0.4, 1.0, 1.0, 0.045),
    "th": (0.9, 0.25, 0.6, 1.4, 0.045), "t": (0.6, 0.15, 0.35, 1.0, 0.045),
    "l": (0.6, 0.15, 0.35, 1.0, 0.045), "s": (1.4, 0.5, 0.9, 1.0, 0.045),
    "sh": (1.4, 1.4, 1.0, 1.2, 0.075), "r": (0.7, 0.8, 0.5, 1.0, 0.055),
    "w": (1.0, 1.6, 1.0, 1.0, 0.085), "y": (0.7, 0.7, 0.5, 1.0, 0.05),
    "k": (0.35, 0.12, 0.2, 1.0, 0.045), "hh": (0.12, 0.08, 0.12, 1.0, 0.04),
}  # fmt: skip
_LABIAL = ("p", "f")
_NARROW = (*_LABIAL, "s", "sh")
_VOWEL = (1.0, 1.0, 1.0, 1.0, 0.05)
_ROUND = (1.0, 1.4, 1.0, 1.0, 0.08)


def target(phone: str, clarity: float = 1.0) -> np.ndarray:
    """Return the targets (8,) of a phone that is neither silence nor a diphthong.

    `clarity` is the share of the way from a middle opening to the phone's own that is made;
    lip shapes and the lips that close stay what they are.
    """
    name = _SAME.get(phone, phone)
    own = np.array(_TARGETS[name])
    share = np.where(_OPENING & (name not in _LABIAL), clarity, 1.0)
    return _MIDDLE + share * (own - _MIDDLE)


def dominance(phone: str, clarity: float = 1.0) -> tuple[np.ndarray, float]:
    """Return dominance per control (8,) and reach beyond the phone in seconds.

    With less `clarity` what narrows the mouth holds on to less of its neighbours' opening.
    """
    name = _SAME.get(phone, phone)
    rounded = name in ("ao", "uh", "uw", "er")
    jaw, lips, vertical, rest, reach_s = _STRENGTH.get(name, _ROUND if rounded else _VOWEL)
    strength = np.full(len(CONTROLS), rest)
    strength[0] = jaw
    strength[_LIPS] = lips
    strength[_VERTICAL] = vertical
    if name in _NARROW:
        strength[_OPENING] *= clarity
    return strength, reach_s
