"""Clips in columns: a million of them cost a few numbers each and no Python objects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import overload

import numpy as np
from jaxtyping import Bool, Integer

from distill.types import Clip

SPLITS = ("train", "val", "test", "test_unseen")
COLUMNS = np.dtype(
    [("split", "u1"), ("speaker", "<i4"), ("emotion", "<i4"), ("frames", "<i4"), ("samples", "<i4")]
)
"""Of each clip: number of its split, speaker and emotion (-1 unknown), frames and samples."""


class ClipTable(Sequence[Clip]):
    """A list of clips that makes each when it is asked for.

    Args:
        columns: An array of `COLUMNS` (N), usually memory mapped.
        names: Names of `speaker` and `emotion` by number.
        make: Makes the clip of a row of `columns`.
        rows: Which rows this table shows (M), in order; all of them when absent.
    """

    def __init__(
        self,
        columns: np.ndarray,
        names: Mapping[str, Sequence[str]],
        make: Callable[[int], Clip],
        rows: Integer[np.ndarray, " M"] | None = None,
    ):
        self.columns, self.names, self.make = columns, names, make
        self.rows = rows

    def __len__(self) -> int:
        return len(self.columns) if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> "ClipTable": ...
    def __getitem__(self, index: int | slice) -> "Clip | ClipTable":
        if isinstance(index, slice):
            return self._of(self._all_rows()[index])
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        return self.make(place if self.rows is None else int(self.rows[place]))

    def __iter__(self) -> Iterator[Clip]:
        return (self[place] for place in range(len(self)))

    def of_split(self, name: str) -> "ClipTable":
        """Return the clips of a split."""
        return self.where(self.column("split") == SPLITS.index(name))

    def where(self, wanted: Bool[np.ndarray, " M"]) -> "ClipTable":
        """Return the clips that are wanted."""
        return self._of(self._all_rows()[wanted])

    def column(self, name: str) -> Integer[np.ndarray, " M"]:
        """Return a column of the clips shown."""
        whole = self.columns[name]
        return np.asarray(whole if self.rows is None else whole[self.rows])

    def used(self, name: str) -> tuple[str, ...]:
        """Return the speakers or emotions of the clips shown, sorted."""
        numbers = np.unique(self.column(name))
        return tuple(sorted(str(self.names[name][number]) for number in numbers if number >= 0))

    def numbered(self, name: str, order: Sequence[str]) -> Integer[np.ndarray, " M"]:
        """Return each clip's place of its speaker or emotion in `order`; -1 where it has none."""
        places = {known: place for place, known in enumerate(order)}
        table = np.array([places.get(known, -1) for known in self.names[name]] + [-1], np.int64)
        return table[self.column(name)]  # -1, unknown, reads the last entry

    def _all_rows(self) -> Integer[np.ndarray, " M"]:
        return np.arange(len(self.columns), dtype=np.int32) if self.rows is None else self.rows

    def _of(self, rows: Integer[np.ndarray, " M"]) -> "ClipTable":
        return ClipTable(self.columns, self.names, self.make, rows)
