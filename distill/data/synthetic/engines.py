"""One interface over speech synthesizers that report when each phone is spoken."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from distill.errors import UserError

ENGINES = ("espeak", "flite", "mixed")
"""What a corpus can be made with; `mixed` deals its speakers over the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prosody:
    """What an engine is asked for: words per minute, pitch and pitch range on a 0-99 scale."""

    rate_wpm: float = 165.0
    pitch: float = 50.0
    pitch_range: float = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A phone in time.

    Attributes:
        label: ARPAbet, lower case; `sil` is silence.
        start_s: Start; for a stop, the start of its closure.
        end_s: End.
        release_s: When a stop opens; equal to `end_s` for everything else.
        stress: 0 none, 1 secondary, 2 primary.
    """

    label: str
    start_s: float
    end_s: float
    release_s: float
    stress: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Synthesized speech: float32 audio in [-1, 1] at `rate_hz`, contiguous phones, words."""

    audio: np.ndarray
    rate_hz: int
    phones: tuple[Phone, ...]
    words: tuple[tuple[str, float, float], ...] = ()


@runtime_checkable
class Engine(Protocol):
    """A synthesizer: the same arguments always give the same bytes."""

    name: str

    def speak(self, text: str, voice: str, prosody: Prosody) -> Speech:
        """Speak `text` with a voice of this engine."""
        ...


def load_engine(name: str) -> Engine:
    """Return the synthesizer called `name` (`espeak` or `flite`).

    Raises:
        UserError: No such engine, or it is not installed.
    """
    if name == "espeak":
        from distill.data.synthetic.espeak import Espeak

        return Espeak()
    if name == "flite":
        from distill.data.synthetic.flite import Flite

        return Flite()
    raise UserError(f"unknown speech engine {name!r}; choose espeak or flite")
