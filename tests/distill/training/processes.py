"""What tests run in processes of their own."""

import os
import time
from pathlib import Path

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from distill.training.fit import fit
from tests.distill.training.toy import Toy, toy_data


class _Slow(pl.Callback):
    """Leaves time to be killed."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        time.sleep(0.1)


def train_slowly(folder: Path, updates: int) -> None:
    """Train the toy, writing a checkpoint every 5 updates."""
    torch.set_num_threads(1)
    fit(
        Toy(updates),
        toy_data(),
        folder=folder,
        updates=updates,
        ema="model",
        checkpoint_every_updates=5,
        validate_every_updates=7,
        callbacks=[_Slow()],
    )


class _NoteGradients(pl.Callback):
    def __init__(self, path: Path):
        self.path = path

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        gradients = {name: p.grad.clone() for name, p in pl_module.named_parameters()}
        name = f"{trainer.global_step}_{trainer.global_rank}of{trainer.world_size}.safetensors"
        save_file(gradients, self.path / name)


def note_gradients(folder: Path, rank: int, world: int, port: int) -> None:
    """Write the gradients of two updates, as process `rank` that torchrun would start."""
    torch.set_num_threads(1)
    if world > 1:
        os.environ |= {
            "TORCHELASTIC_RUN_ID": "test",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(world),
            "LOCAL_WORLD_SIZE": str(world),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "GROUP_RANK": "0",
        }
    module = Toy(2, noise=0.0)
    module.model[1] = torch.nn.Identity()  # the statistics of half a batch differ
    module.model[2] = torch.nn.Identity()
    fit(
        module,
        toy_data(),
        folder=folder / f"world{world}",
        updates=2,
        ema="model",
        clip=0.0,
        trainer={
            "accelerator": "cpu",
            "devices": world,
            "strategy": "ddp" if world > 1 else "auto",
        },
        callbacks=[_NoteGradients(folder)],
    )
