"""Train a Lightning module for a number of updates, so that being killed does not matter."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from distill.training.checkpoints import LAST, AtomicCheckpointIO, ResumableCheckpoint
from distill.training.ema import ExponentialMovingAverage
from distill.training.guards import NonFiniteGuard
from distill.training.loggers import close_loggers
from distill.training.precision import precision_options
from distill.training.progress import StageProgress
from distill.training.progress_callback import ProgressCallback
from distill.training.quiet import quiet_lightning
from distill.training.seeding import SeedPerUpdate
from distill.training.sharded import strategy_for


@contextmanager
def deterministic_cpu(active: bool) -> Iterator[None]:
    """Make CPU kernels reproducible inside the block and restore the setting after it."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fill = memory.fill_uninitialized_memory
    try:
        if active:
            torch.use_deterministic_algorithms(True, warn_only=True)
            memory.fill_uninitialized_memory = False
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
        memory.fill_uninitialized_memory = fill


def trainer_options(
    folder: Path, *, updates: int, precision: str, clip: float, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return keyword arguments for `pl.Trainer`; `options` win over what is chosen here."""
    merged: dict[str, Any] = {
        "accelerator": "auto",
        "devices": 1,
        "log_every_n_steps": 10,
        "limit_val_batches": 1.0,
    } | dict(options)
    cuda = merged["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    chosen = precision_options(precision, cuda=cuda)
    plugins = [*merged.pop("plugins", ()), *chosen.pop("plugins", ()), AtomicCheckpointIO()]
    return merged | {
        "max_steps": updates,
        "max_epochs": -1,
        "gradient_clip_val": clip if clip > 0 else None,
        "default_root_dir": str(folder),
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "use_distributed_sampler": False,
        "check_val_every_n_epoch": None,
        "plugins": plugins,
        **chosen,
    }


def fit(
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    *,
    folder: Path,
    updates: int,
    seed: int = 0,
    ema: str | None = None,
    ema_decay: float = 0.999,
    precision: str = "32-true",
    clip: float = 1.0,
    checkpoint_every_s: float | None = 60.0,
    checkpoint_every_updates: int | None = None,
    validate_every_updates: int | None = None,
    trainer: Mapping[str, Any] | None = None,
    callbacks: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
    progress: StageProgress | None = None,
) -> None:
    """Train `module` to `updates` updates, continuing from `folder/last.ckpt` when it exists.

    On a CPU the final weights do not depend on how often training was interrupted. Afterwards
    the network named by `ema` holds its averaged weights.

    Args:
        module: What to train; its `configure_optimizers` may use `distill.training.optim`.
        data: Usually `UpdateBatches`; its train loader must start at `trainer.global_step`.
        folder: Where the checkpoint, and a batch that broke training, are written.
        updates: Optimizer steps in all, those of earlier attempts included.
        seed: Decides all randomness inside training steps.
        ema: Attribute of the network to average; None for no average.
        ema_decay: Largest decay of the average.
        precision: One of `PRECISIONS`.
        clip: Largest gradient norm; 0 for no clipping.
        checkpoint_every_s: Seconds between checkpoints.
        checkpoint_every_updates: Updates between checkpoints, in addition.
        validate_every_updates: Updates between validations; None for none.
        trainer: Further options of `pl.Trainer` (accelerator, devices, strategy, ...).
        callbacks: Further callbacks.
        loggers: From `build_loggers`; closed when training ends, however it ends.
        progress: The stage to report to.

    Raises:
        UserError: Training diverged, or the folder cannot be written.
    """
    folder = Path(folder)
    options = trainer_options(
        folder,
        updates=updates,
        precision=precision,
        clip=clip,
        options=strategy_for(module, trainer or {}),
    )
    accumulate = options.get("accumulate_grad_batches", 1)
    if validate_every_updates is None:
        options["limit_val_batches"] = 0
    else:
        options["val_check_interval"] = validate_every_updates * accumulate
    average = None if ema is None else ExponentialMovingAverage(ema, ema_decay)
    saver = ResumableCheckpoint(
        folder, every_s=checkpoint_every_s, every_updates=checkpoint_every_updates
    )
    own: list[pl.Callback | None] = [
        SeedPerUpdate(seed),
        NonFiniteGuard(folder),
        average,
        None if progress is None else ProgressCallback(progress),
    ]
    options["callbacks"] = [c for c in own if c is not None] + [*callbacks, saver]
    try:
        _run(module, data, folder / LAST, options, list(loggers))
    finally:
        close_loggers(loggers)
    if average is not None:
        average.copy_to(module)


def _run(
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    checkpoint: Path,
    options: dict[str, Any],
    loggers: list[Logger],
) -> None:
    with quiet_lightning():
        trainer = pl.Trainer(logger=loggers or False, **options)
        on_cpu = trainer.strategy.root_device.type == "cpu"
        with deterministic_cpu(on_cpu):
            trainer.fit(
                module,
                datamodule=data,
                ckpt_path=str(checkpoint) if checkpoint.exists() else None,
                weights_only=True,
            )
