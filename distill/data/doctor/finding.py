"""One thing that the doctor has found, and how bad it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

SHOWN = 5
"""Names written out before the rest is counted."""


class Severity(IntEnum):
    """How bad a finding is; errors stop training."""

    NOTE = 0
    WARNING = 1
    ERROR = 2

    @property
    def word(self) -> str:
        """The severity in lower case."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong, where, and what to do about it.

    Attributes:
        severity: How bad it is.
        name: Kind of the finding, such as `wrong_fps`; stable, for scripts.
        places: Clips, channels or files it is about, all of them.
        message: One sentence with value and limit.
        hint: One sentence that says what to try.
    """

    severity: Severity
    name: str
    places: tuple[str, ...]
    message: str
    hint: str

    @property
    def where(self) -> str:
        """All places in one line."""
        return ", ".join(self.places)

    @property
    def shown(self) -> str:
        """A few places, and how many more there are."""
        return named(self.places)


def error(name: str, where: str | Sequence[str], message: str, hint: str) -> Finding:
    """Return a finding that stops training."""
    return _finding(Severity.ERROR, name, where, message, hint)


def warning(name: str, where: str | Sequence[str], message: str, hint: str) -> Finding:
    """Return a finding that training survives."""
    return _finding(Severity.WARNING, name, where, message, hint)


def note(name: str, where: str | Sequence[str], message: str, hint: str) -> Finding:
    """Return a finding that is good to know."""
    return _finding(Severity.NOTE, name, where, message, hint)


def _finding(
    severity: Severity, name: str, where: str | Sequence[str], message: str, hint: str
) -> Finding:
    places = (where,) if isinstance(where, str) else tuple(where)
    places = tuple(place for place in places if place)
    return Finding(severity=severity, name=name, places=places, message=message, hint=hint)


def named(names: Sequence[str], shown: int = SHOWN) -> str:
    """Write a few names and count the rest."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
