"""Phone alignments beside a recording: pocketsphinx JSON, HTS labels, Praat TextGrids.

Labels become ARPAbet, lower case, without stress or tone, so that one rule serves all of them.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from distill.errors import UserError
from distill.types import Interval

_HTS_TICKS_PER_S = 1e7
_SILENCE = frozenset(("", "sil", "sp", "spn", "pau", "<sil>", "#"))
_IPA = {
    "a": "aa", "ɑ": "aa", "ɐ": "aa", "ɒ": "ao", "ɔ": "ao", "æ": "ae", "aj": "ay", "aɪ": "ay",
    "ai": "ay", "aw": "aw", "aʊ": "aw", "au": "aw", "ɔj": "oy", "ɔɪ": "oy",
}  # fmt: skip
_PRAAT = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|<\w+>)(?!\S)')
"""What counts in a TextGrid, long or short: quoted text, numbers and flags standing alone."""


def phones_of(recording: Path) -> tuple[Interval, ...]:
    """Return the phones of a recording from the alignment beside it; empty when there is none.

    Looked for, in this order: `NAME.phone.json`, `NAME_phone.lab`, `NAME_phones.TextGrid`,
    `NAME.TextGrid`.

    Raises:
        UserError: The alignment is there and cannot be read.
    """
    readers = {
        ".phone.json": _from_json,
        "_phone.lab": _from_lab,
        "_phones.TextGrid": _from_textgrid,
        ".TextGrid": _from_textgrid,
    }
    for ending, read in readers.items():
        path = recording.with_name(recording.stem + ending)
        if not path.is_file():
            continue
        try:
            return tuple(
                Interval(label=phone_label(label), start_s=start_s, end_s=end_s)
                for label, start_s, end_s in read(path.read_text(encoding="utf-8"))
            )
        except (ValueError, KeyError, IndexError, TypeError, RuntimeError) as error:
            raise UserError(
                f"{path} is not a readable phone alignment ({error}); repair it or remove it"
            ) from error
    return ()


def phone_label(written: str) -> str:
    """Return ARPAbet for a label in ARPAbet, IPA or pinyin; silence is `sil`."""
    name = unicodedata.normalize("NFD", written.strip().lower())
    if name in _SILENCE:
        return "sil"
    kept = "".join(c for c in name if unicodedata.category(c) not in ("Lm", "Mn", "Nd"))
    return _IPA.get(kept, kept)


def _from_json(text: str) -> Iterator[tuple[str, float, float]]:
    for word in json.loads(text)["w"]:
        for phone in word["w"]:
            start_s = float(phone["b"])
            yield phone["t"], start_s, start_s + float(phone["d"])


def _from_lab(text: str) -> Iterator[tuple[str, float, float]]:
    """Read `start end left^left-PHONE+right...` in units of 100 ns."""
    for line in text.splitlines():
        if line.strip():
            start, end, context = line.split()
            label = context.split("-", 1)[1].split("+", 1)[0] if "-" in context else context
            yield label, int(start) / _HTS_TICKS_PER_S, int(end) / _HTS_TICKS_PER_S


def _from_textgrid(text: str) -> Iterator[tuple[str, float, float]]:
    """Read the tier called phone or phones."""
    found = iter([quoted or plain for quoted, plain in _PRAAT.findall(text)])
    for _ in range(5):  # file type, class, start, end, whether there are tiers
        next(found)
    for _ in range(int(next(found))):
        kind, name, _start, _end, count = (next(found) for _ in range(5))
        for _ in range(int(count)):
            start_s = float(next(found))
            end_s = float(next(found)) if kind == "IntervalTier" else start_s
            label = next(found)
            if name.lower() in ("phone", "phones"):
                yield label, start_s, end_s
