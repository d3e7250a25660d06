"""Batches of P labels with K clips each, so that contrastive losses always find positives."""

from collections.abc import Iterator, Sequence

import numpy as np

from distill.errors import UserError


class BalancedPersonaSampler:
    """A batch sampler: `labels_per_batch` speakers (or personas), `clips_per_label` clips of each.

    An epoch's batches follow from (seed, epoch) alone. Every clip is drawn at least once per
    epoch; a label with too few clips is topped up from its own clips with replacement, and so is
    the end of an epoch, where fewer labels than a batch needs are left. Ranks take every
    `world_size`-th batch: together they see each batch once, and all see equally many.

    The position counts batches handed out. A loader that prefetches runs ahead of training: store
    the number of batches trained on and return to it with `seek`.
    """

    def __init__(
        self,
        labels: Sequence[int],
        *,
        labels_per_batch: int,
        clips_per_label: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if len(labels) == 0:
            raise UserError("the balanced sampler got no clips; check the corpus and its split")
        if labels_per_batch < 1 or clips_per_label < 1:
            raise UserError(
                f"labels_per_batch={labels_per_batch} and clips_per_label={clips_per_label}"
                " must be at least 1"
            )
        if not 0 <= rank < world_size:
            raise UserError(f"rank {rank} is not below world_size {world_size}")
        array = np.asarray(labels, dtype=np.int64)
        self.members = [np.flatnonzero(array == label) for label in np.unique(array)]
        self.width = min(labels_per_batch, len(self.members))
        self.clips_per_label = clips_per_label
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self.epoch = 0
        self.position = 0
        self._planned: tuple[int, list[list[int]]] | None = None

    def __len__(self) -> int:
        """Return the batches of one epoch on this rank (always the same)."""
        groups = [-(-len(clips) // self.clips_per_label) for clips in self.members]
        batches = max(max(groups), -(-sum(groups) // self.width))
        return -(-batches // self.world_size)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the rest of the current epoch, then move to the next one."""
        plan = self.plan(self.epoch)[self.rank :: self.world_size]
        while self.position < len(plan):
            self.position += 1
            yield plan[self.position - 1]
        self.seek(self.epoch + 1, 0)

    def plan(self, epoch: int) -> list[list[int]]:
        """Return all batches of an epoch, over all ranks."""
        rng = np.random.default_rng((self.seed, epoch))
        queues = [self._groups(clips, rng) for clips in self.members]
        total = len(self) * self.world_size
        return [self._batch(queues, rng) for _ in range(total)]

    def batch(self, index: int) -> list[int]:
        """Return batch `index`, counted over all epochs and ranks, whatever was drawn before."""
        epoch, position = divmod(index, len(self) * self.world_size)
        if self._planned is None or self._planned[0] != epoch:
            self._planned = epoch, self.plan(epoch)
        return self._planned[1][position]

    def set_epoch(self, epoch: int) -> None:
        """Start `epoch` from its first batch, unless it is the running one."""
        if epoch != self.epoch:
            self.seek(epoch, 0)

    def seek(self, epoch: int, position: int) -> None:
        """Continue with batch `position` (on this rank) of `epoch`."""
        self.epoch, self.position = epoch, position

    def state_dict(self) -> dict[str, int]:
        """Return where the sampler stands."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Return to where another sampler over the same clips stood."""
        self.seed = state["seed"]
        self.seek(state["epoch"], state["position"])

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
