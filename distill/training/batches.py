"""Training data addressed by update: batch k is a pure function of the seed and of k.

This is what makes resuming exact: the position of the loader is the number of updates made.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

MakeBatch = Callable[[int, int, int], Any]
"""Builds the part of training batch `index` that process `rank` of `world` works on.

Called as `make_batch(index, rank, world)`. The same arguments give the same bytes, in any process
and in any order. With parts of equal size, a loss that is a mean per sample gives the gradients
of the joined batch.
"""


def batch_rng(seed: int, index: int, rank: int = 0) -> np.random.Generator:
    """Return the generator that batch `index` of process `rank` draws from."""
    return np.random.default_rng((seed, index, rank))


class UpdateIndexedDataset(Dataset):
    """A map from batch number to this process's part of that batch."""

    def __init__(self, make_batch: MakeBatch, *, rank: int = 0, world: int = 1):
        self.make_batch = make_batch
        self.rank = rank
        self.world = world

    def __getitem__(self, index: int) -> Any:
        return self.make_batch(index, self.rank, self.world)


class BatchRange(Sampler[int]):
    """Batch numbers from `start` to `stop`, of undeclared length.

    Without a length Lightning stops when the range ends; with one it would subtract the batches
    of the interrupted run a second time.
    """

    def __init__(self, start: int, stop: int):
        self.start = start
        self.stop = stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))


def _as_is(batch: Any) -> Any:
    return batch


def update_loader(
    make_batch: MakeBatch,
    *,
    start: int,
    stop: int,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    pin: bool = False,
) -> DataLoader:
    """Load batches `start` to `stop` in order, whatever the number of worker processes."""
    return DataLoader(
        UpdateIndexedDataset(make_batch, rank=rank, world=world),
        sampler=BatchRange(start, stop),
        batch_size=None,
        collate_fn=_as_is,
        num_workers=workers,
        pin_memory=pin,
    )


class UpdateBatches(pl.LightningDataModule):
    """Feeds a trainer the batches that follow its last update; the data of `fit`.

    Args:
        make_batch: Pure function of the batch number, the rank and the number of processes.
        workers: Processes that make batches; 0 makes them in the training process.
        validation: Validation batches; every process goes through all of them, which are few, so
            that all see the same numbers.
    """

    def __init__(self, make_batch: MakeBatch, *, workers: int = 0, validation: Sequence[Any] = ()):
        super().__init__()
        self.make_batch = make_batch
        self.workers = workers
        self.validation = validation

    def _trainer(self) -> pl.Trainer:
        if self.trainer is None:
            raise RuntimeError("UpdateBatches needs a trainer: pass it to distill.training.fit.fit")
        return self.trainer

    def train_dataloader(self) -> DataLoader:
        """Return a loader that starts at the trainer's position."""
        trainer = self._trainer()
        per_update = trainer.accumulate_grad_batches
        return update_loader(
            self.make_batch,
            start=trainer.global_step * per_update,
            stop=trainer.max_steps * per_update,
            workers=self.workers,
            rank=trainer.global_rank,
            world=trainer.world_size,
            pin=trainer.strategy.root_device.type == "cuda" and self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader | list[Any]:
        """Return the validation batches."""
        if not self.validation:
            return []
        batches: Any = self.validation
        return DataLoader(batches, batch_size=None, collate_fn=_as_is)
