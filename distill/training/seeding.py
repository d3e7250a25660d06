"""Randomness inside training steps as a pure function of (seed, update).

Every process draws for the whole batch and takes its own rows (`distill.training.rows`), so the
number of processes changes nothing.
"""

import random
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

_TRAINING, _VALIDATION = 0, 1
_ALL_PROCESSES = 0


def seed_global_generators(*entropy: int) -> None:
    """Seed Python's and torch's generators (every device) from a tuple of integers.

    NumPy's global generator is left alone: this repository never draws from it.
    """
    seed = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    random.seed(seed)
    torch.manual_seed(seed)


class SeedPerUpdate(pl.Callback):
    """Reseeds before every batch, so noise and dropout need no saved generator state.

    An interrupted run that continues draws exactly what the uninterrupted run drew, and
    validation draws the same noise every time.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed from the update and the part of the update (accumulation)."""
        part = batch_idx % trainer.accumulate_grad_batches
        seed_global_generators(self.seed, _TRAINING, trainer.global_step, part, _ALL_PROCESSES)

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Seed from the validation batch."""
        seed_global_generators(self.seed, _VALIDATION, dataloader_idx, batch_idx, _ALL_PROCESSES)
