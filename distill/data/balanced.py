"""Batches of P labels with K clips each, so that contrastive losses always find positives."""

from collections.abc import Sequence

import numpy as np

from distill.errors import UserError

BLOCK_CLIPS = 16_384
"""Clips that are shuffled together; four seconds each and compressed they are about 1.5 GB."""


class BalancedBatches:
    """Clip indices of `labels_per_batch` speakers (or personas), `clips_per_label` clips of each.

    Batch k follows from the seed and k alone, so there is no position to save. Batches come in
    epochs: every clip is drawn at least once per epoch; a label with too few clips is topped up
    from its own clips with replacement, and so is the end of an epoch, where fewer labels than a
    batch needs are left.
    """

    def __init__(
        self,
        labels: Sequence[int] | np.ndarray,
        *,
        labels_per_batch: int,
        clips_per_label: int,
        seed: int | tuple[int, ...] = 0,
    ) -> None:
        if len(labels) == 0:
            raise UserError("balanced batches got no clips; check the corpus and its split")
        if labels_per_batch < 1 or clips_per_label < 1:
            raise UserError(
                f"labels_per_batch={labels_per_batch} and clips_per_label={clips_per_label}"
                " must be at least 1"
            )
        array = np.asarray(labels, dtype=np.int64)
        self.members = [np.flatnonzero(array == label) for label in np.unique(array)]
        self.width = min(labels_per_batch, len(self.members))
        self.clips_per_label = clips_per_label
        self.seed = (seed,) if isinstance(seed, int) else seed
        self._planned: tuple[int, list[list[int]]] | None = None

    @property
    def per_epoch(self) -> int:
        """Batches of one epoch (always the same)."""
        sizes = np.array([len(clips) for clips in self.members])
        return batches_of(sizes, self.width, self.clips_per_label)

    def batch(self, index: int) -> list[int]:
        """Return batch `index`, counted over all epochs, whatever was drawn before."""
        epoch, position = divmod(index, self.per_epoch)
        if self._planned is None or self._planned[0] != epoch:
            self._planned = epoch, self.plan(epoch)
        return self._planned[1][position]

    def plan(self, epoch: int) -> list[list[int]]:
        """Return all batches of an epoch."""
        rng = np.random.default_rng((*self.seed, epoch))
        queues = [self._groups(clips, rng) for clips in self.members]
        return [self._batch(queues, rng) for _ in range(self.per_epoch)]

    def _groups(self, clips: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Deal a label's clips into groups of K, the last one topped up with replacement."""
        lack = -len(clips) % self.clips_per_label
        dealt = np.concatenate([rng.permutation(clips), rng.choice(clips, lack)])
        return list(dealt.reshape(-1, self.clips_per_label))

    def _batch(self, queues: list[list[np.ndarray]], rng: np.random.Generator) -> list[int]:
        """Take a group from each of the P labels with most groups left, ties by lot.

        Longest queue first never needs more batches than the longest queue or the mean asks for.
        """
        lot = rng.random(len(queues))
        order = sorted(range(len(queues)), key=lambda label: (-len(queues[label]), lot[label]))
        chosen = []
        for label in order[: self.width]:
            spare = rng.choice(self.members[label], self.clips_per_label)
            chosen.append(queues[label].pop() if queues[label] else spare)
        return np.concatenate(chosen).tolist()


def batches_of(sizes: np.ndarray, width: int, clips_per_label: int) -> int:
    """Return the batches that labels of so many clips need, `width` labels in each."""
    groups = -(-sizes // clips_per_label)
    return int(max(groups.max(), -(-groups.sum() // width)))


class BlockedBatches:
    """Balanced batches of corpora of any size, planned a block of neighbouring clips at a time.

    An epoch goes through all blocks, in an order of its own; batch k still follows from the seed
    and k alone. Neighbours share shards, so few shards are in use at a time, and no plan holds more
    than a block. A corpus of one block has the batches of `BalancedBatches`.

    Args:
        labels: Label of every clip.
        block_clips: Most clips in a block.
        seed: Seed of every draw.
        options: Arguments of `BalancedBatches`.
    """

    def __init__(
        self,
        labels: Sequence[int] | np.ndarray,
        *,
        block_clips: int = BLOCK_CLIPS,
        seed: int = 0,
        **options: int,
    ) -> None:
        self.labels, self.seed, self.options = np.asarray(labels, np.int64), seed, options
        blocks = max(1, -(-len(self.labels) // block_clips))
        self.bounds = np.linspace(0, len(self.labels), blocks + 1).astype(int)
        self._opened: tuple[int, BalancedBatches] | None = None
        self._open(0)  # refuses what cannot be
        self.sizes = [self._size(block) for block in range(blocks)]

    @property
    def per_epoch(self) -> int:
        """Batches of one epoch (always the same)."""
        return sum(self.sizes)

    def batch(self, index: int) -> list[int]:
        """Return batch `index`, counted over all epochs, whatever was drawn before."""
        epoch, position = divmod(index, self.per_epoch)
        order = np.random.default_rng((self.seed, epoch, 1)).permutation(len(self.sizes))
        ends = np.cumsum([self.sizes[block] for block in order])
        place = int(np.searchsorted(ends, position, side="right"))
        block = int(order[place])
        within = position - int(ends[place]) + self.sizes[block]
        drawn = self._open(block).batch(epoch * self.sizes[block] + within)
        return [clip + int(self.bounds[block]) for clip in drawn]

    def _part(self, block: int) -> np.ndarray:
        return self.labels[self.bounds[block] : self.bounds[block + 1]]

    def _size(self, block: int) -> int:
        sizes = np.unique(self._part(block), return_counts=True)[1]
        width = min(self.options["labels_per_batch"], len(sizes))
        return batches_of(sizes, width, self.options["clips_per_label"])

    def _open(self, block: int) -> BalancedBatches:
        if self._opened is None or self._opened[0] != block:
            seed = (self.seed,) if len(self.bounds) == 2 else (self.seed, block)
            self._opened = block, BalancedBatches(self._part(block), seed=seed, **self.options)
        return self._opened[1]
