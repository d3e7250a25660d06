"""Batches of P labels with K clips each, so that contrastive losses always find positives."""

from collections.abc import Sequence

import numpy as np

from distill.errors import UserError


class BalancedBatches:
    """Clip indices of `labels_per_batch` speakers (or personas), `clips_per_label` clips of each.

    Batch k follows from the seed and k alone, so there is no position to save. Batches come in
    epochs: every clip is drawn at least once per epoch; a label with too few clips is topped up
    from its own clips with replacement, and so is the end of an epoch, where fewer labels than a
    batch needs are left.
    """

    def __init__(
        self,
        labels: Sequence[int],
        *,
        labels_per_batch: int,
        clips_per_label: int,
        seed: int = 0,
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
        self.clips_per_label, self.seed = clips_per_label, seed
        self._planned: tuple[int, list[list[int]]] | None = None

    @property
    def per_epoch(self) -> int:
        """Batches of one epoch (always the same)."""
        groups = [-(-len(clips) // self.clips_per_label) for clips in self.members]
        return max(max(groups), -(-sum(groups) // self.width))

    def batch(self, index: int) -> list[int]:
        """Return batch `index`, counted over all epochs, whatever was drawn before."""
        epoch, position = divmod(index, self.per_epoch)
        if self._planned is None or self._planned[0] != epoch:
            self._planned = epoch, self.plan(epoch)
        return self._planned[1][position]

    def plan(self, epoch: int) -> list[list[int]]:
        """Return all batches of an epoch."""
        rng = np.random.default_rng((self.seed, epoch))
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
