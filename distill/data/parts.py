"""Work that many processes or machines share: each does its part, whichever finishes first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from distill.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """Part `number` (from 1) of `count`: every `count`-th piece of work."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Read `3/16`.

        Raises:
            UserError: It is not a part of a whole.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(f"part {text!r} is not NUMBER/COUNT such as 3/16, counted from 1")
        return cls(int(found[1]), int(found[2]))

    def of(self, work: Sequence[T]) -> Sequence[T]:
        """Return this part of the work; all parts together are all of it, each piece once."""
        return work[self.number - 1 :: self.count]

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"
