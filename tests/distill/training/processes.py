"""What tests run in processes of their own."""

import os
import signal
import time
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file

from distill.command import guarded
from distill.training.batches import UpdateBatches
from distill.training.csv_logger import CsvLogger
from distill.training.denoising import DenoisingTraining
from distill.training.fit import fit
from distill.training.losses import LossWeights
from distill.training.sharded import whole_state
from distill.training.world import joined, on_first, placement
from distill.types import Batch, Conditions
from personalizer.audio_contrastive.network import Personalizer
from personalizer.training import PersonalizerTraining
from tests.distill.methods.test_round import make_round
from tests.distill.training.toy import Toy, toy_data
from tests.toys import toy_batch, toy_space, toy_teacher

UPDATES = 4
OPTIMIZER = {"lr": 1e-3, "weight_decay": 0.0, "updates": UPDATES, "warmup": 1}


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


def train_together(
    folder: Path,
    rank: int,
    world: int,
    port: int,
    names: tuple[str, ...],
    kill: int | None = None,
    strategy: str = "ddp_find_unused_parameters_true",
) -> None:
    """Train objectives, as process `rank` that torchrun would start.

    Writes weights to `folder/<objective>/<world>.safetensors`, and what would be on the screen to
    `said(folder, rank)`. Process `kill` ends halfway.
    """
    os.dup2(os.open(said(folder, rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os._exit(guarded(lambda: _train_all(folder, rank, world, port, names, kill, strategy)))


def said(folder: Path, rank: int) -> Path:
    """Return the file with all that process `rank` of the last training wrote to stderr."""
    return folder / f"stderr.{rank}.txt"


def _train_all(
    folder: Path,
    rank: int,
    world: int,
    port: int,
    names: tuple[str, ...],
    kill: int | None,
    strategy: str,
) -> None:
    torch.set_num_threads(1)
    os.environ |= torchrun_variables(rank, world, port)
    options = {"accelerator": "cpu", "strategy": strategy}
    with joined(options):
        for name in names:
            module, own = OBJECTIVES[name](), folder / name
            fit(
                module,
                UpdateBatches(rows_of_toy_batch, validation=[ragged_batch(99)]),
                folder=own,
                updates=UPDATES,
                ema="model",
                ema_decay=0.5,
                checkpoint_every_updates=2,
                validate_every_updates=2,
                trainer={**options, **placement(), "log_every_n_steps": 1},
                callbacks=[_KillOne(kill)],
                loggers=[CsvLogger(own)],
            )
            on_first(partial(save_file, whole_state(module), own / f"{world}.safetensors"))


class _KillOne(pl.Callback):
    def __init__(self, kill: int | None):
        self.kill = kill

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_rank == self.kill and trainer.global_step == UPDATES // 2:
            os.kill(os.getpid(), signal.SIGKILL)


def torchrun_variables(rank: int, world: int, port: int) -> dict[str, str]:
    values = {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": world,
        "LOCAL_WORLD_SIZE": world,
        "RANK": rank,
        "LOCAL_RANK": rank,
        "GROUP_RANK": 0,
    }
    return {name: str(value) for name, value in values.items()}


def rows_of_toy_batch(index: int, rank: int, world: int) -> Batch:
    """Return the rows of batch `index` that process `rank` works on."""

    def rows(value):
        if isinstance(value, Conditions):
            return replace(value, **{f.name: rows(getattr(value, f.name)) for f in fields(value)})
        return None if value is None else value[rank::world]

    whole = ragged_batch(index)
    return Batch(**{f.name: rows(getattr(whole, f.name)) for f in fields(whole)})


def ragged_batch(seed: int) -> Batch:
    """Return six clips of different lengths of two voices: no two processes have equal frames."""
    batch = toy_batch(6, seed)
    valid = torch.tensor([18, 5, 11, 7, 3, 16])
    return replace(batch, mask=torch.arange(batch.motion.shape[1])[None] < valid[:, None])


def _denoising() -> pl.LightningModule:
    torch.manual_seed(3)
    return DenoisingTraining(
        toy_teacher(), toy_space(), optimizer=OPTIMIZER, losses=LossWeights(), drop_audio=0.5
    )


def _round() -> pl.LightningModule:
    torch.manual_seed(3)
    return make_round(on_policy=0.5, pc=1.0)


def _personalizer() -> pl.LightningModule:
    torch.manual_seed(3)
    model = Personalizer(embed_dim=8, width=16, blocks=1, speakers=2, emotions=2, mels=16)
    return PersonalizerTraining(model, fps=30.0, updates=UPDATES, warmup_updates=1)


OBJECTIVES = {"denoising": _denoising, "round": _round, "personalizer": _personalizer}
