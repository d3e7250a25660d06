"""The phone inventory (ARPAbet) and the names speech engines use for it."""

import re

VOWELS = (
    "aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh",
    "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw",
)  # fmt: skip
CONSONANTS = (
    "b", "ch", "d", "dh", "f", "g", "hh", "jh", "k", "l", "m", "n",
    "ng", "p", "r", "s", "sh", "t", "th", "v", "w", "y", "z", "zh",
)  # fmt: skip
SILENCE = "sil"
PHONES = (*VOWELS, *CONSONANTS)
BILABIAL = frozenset("pbm")
LABIODENTAL = frozenset("fv")
STOPS = frozenset(("p", "b", "t", "d", "k", "g", "ch", "jh"))

# espeak-ng mnemonics, stress marks removed, to one or more phones.
_ESPEAK = {
    "a": "ae", "aa": "ae", "a#": "ax", "A:": "aa", "A": "aa", "A@": "aa r", "A~": "aa", "0": "aa",
    "0#": "ax", "O": "ao", "O:": "ao", "O@": "ao r", "o@": "ao r", "O2": "ao", "o": "ow",
    "o:": "ow", "oU": "ow", "oU#": "ow", "OI": "oy", "aU": "aw", "aU@": "aw ax", "aI": "ay",
    "aI@": "ay ax", "aI3": "ay er", "aI2": "ay", "V": "ah", "V2": "ah", "@": "ax", "@2": "ax",
    "@5": "ax", "3": "er", "3:": "er", "@L": "ax l", "E": "eh", "E2": "eh", "E#": "eh",
    "e": "eh", "e:": "ey", "e@": "eh r", "eI": "ey", "I": "ih", "I2": "ih", "I#": "ih",
    "i": "iy", "i:": "iy", "i@": "iy ax", "i@3": "iy r", "U": "uh", "U@": "uh r", "u": "uw",
    "u:": "uw", "U2": "uh", "u#": "uw", "ju:": "y uw", "VR": "er", "IR": "ih r", "ER": "eh r",
    "tS": "ch", "dZ": "jh", "S": "sh", "Z": "zh", "T": "th", "D": "dh", "N": "ng",
    "n-": "ax n", "l-": "ax l", "m-": "ax m", "l^": "l", "l/": "l", "l#": "l", "r-": "r",
    "r/": "r", "j": "y", "h": "hh", "x": "k", "C": "hh", "w#": "w", "hw": "w", "t#": "d",
    "t2": "t", "d#": "d", "?": "t", "z#": "z", "s2": "s", "Q": "k", "*": "d", "r": "r",
    "@-": "ax", "O3": "ao", "a:": "aa", "a~": "ae", "R": "r", "R2": "r", "V#": "ah", "I3": "ih",
    "3#": "er", "e#": "eh", "i3": "iy", "U#": "uh", "k2": "k", "@r": "er",
}  # fmt: skip


def from_espeak(mnemonic: str) -> tuple[tuple[str, ...], int]:
    """Return the phones of an espeak-ng mnemonic and its stress (0, 1, 2)."""
    stress = 2 if "'" in mnemonic else 1 if "," in mnemonic else 0
    name = mnemonic.lstrip("',%=|")
    if not name or name[0] in "_":
        return (SILENCE,), 0
    if name in _ESPEAK:
        return tuple(_ESPEAK[name].split()), stress
    if name in PHONES:
        return (name,), stress
    bare = re.sub(r"[^A-Za-z]", "", name)
    for length in range(len(bare), 0, -1):
        if bare[:length] in _ESPEAK:
            return tuple(_ESPEAK[bare[:length]].split()), stress
        if bare[:length] in PHONES:
            return (bare[:length],), stress
    return ("ax",), stress


def from_flite(name: str) -> tuple[str, ...]:
    """Return the phones of a flite (CMU lexicon) phone name."""
    name = re.sub(r"\d", "", name.lower())
    if name in ("pau", "ssil", "h#", "brth"):
        return (SILENCE,)
    return (name if name in PHONES else "ax",)
