"""A tiny module and its data, shared by these tests and by the processes they start."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

from distill.training.batches import UpdateBatches, batch_rng
from distill.training.optim import configure

WIDTH = 6


class Toy(pl.LightningModule):
    """Denoises with dropout and running statistics: everything that resuming could break."""

    def __init__(self, updates: int, *, noise: float = 0.1, lr: float = 1e-2):
        super().__init__()
        torch.manual_seed(7)
        self.model = nn.Sequential(
            nn.Linear(WIDTH, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.Linear(16, WIDTH)
        )
        self.updates = updates
        self.noise = noise
        self.lr = lr

    def training_step(self, batch, batch_idx):
        noisy = batch + self.noise * torch.randn_like(batch)
        loss = (self.model(noisy) - batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        noisy = batch + self.noise * torch.randn_like(batch)
        self.log("val/loss", (self.model(noisy) - batch).square().mean(), batch_size=len(batch))

    def configure_optimizers(self):
        return configure(self.model, lr=self.lr, weight_decay=0.01, updates=self.updates, warmup=1)


def make_batch(index: int, rank: int, world: int) -> torch.Tensor:
    """Return the rank's rows of batch `index`, which has 8 rows in all."""
    rows = batch_rng(3, index).normal(size=(8, WIDTH)).astype(np.float32)
    return torch.from_numpy(rows[rank * 8 // world : (rank + 1) * 8 // world].copy())


def fake_trainer(**attributes: Any) -> Any:
    """Return a trainer that only has the given attributes."""
    return object.__new__(type("FakeTrainer", (pl.Trainer,), attributes))


def toy_data(workers: int = 0) -> UpdateBatches:
    return UpdateBatches(make_batch, workers=workers, validation=[make_batch(10**6, 0, 1)])
