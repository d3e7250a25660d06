"""Checkpoints that survive being killed: written whole, or not at all."""

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from distill.errors import UserError
from distill.storage import atomic_path

LAST = "last.ckpt"
_SYNCHRONIZED_EVERY_UPDATES = 10


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the old checkpoint, flushes, renames; reads plain types only."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            UserError: The folder cannot be written or the disk is full.
        """
        with atomic_path(Path(path)) as temporary, open(temporary, "wb", buffering=0) as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                raise _out_of_space(Path(path), error) from error

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint; nothing in the file is executed.

        Raises:
            UserError: The file is not a checkpoint.
        """
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise UserError(
                f"{path} is not a readable checkpoint ({type(error).__name__}); delete it to train "
                "this stage from its beginning"
            ) from error


def _out_of_space(path: Path, error: RuntimeError) -> Exception:
    """Return what a failure inside torch.save means (its writer hides the system's error)."""
    cause = error.__context__
    if isinstance(cause, OSError):
        reason = cause.strerror
    elif "PytorchStreamWriter" in str(error) or "write" in str(error):
        reason = "the file could not be written to its end"
    else:
        return error
    return UserError(f"cannot write {path} ({reason}); free some space or choose another folder")


class ResumableCheckpoint(pl.Callback):
    """Writes `folder/last.ckpt` every so many seconds or updates, and when training ends.

    Args:
        folder: Where the checkpoint goes.
        every_s: Seconds between checkpoints; None for never.
        every_updates: Updates between checkpoints; None for never.
    """

    def __init__(
        self, folder: Path, *, every_s: float | None = 60.0, every_updates: int | None = None
    ):
        self.path = Path(folder) / LAST
        self.every_s = every_s
        self.every_updates = every_updates
        self._saved_at_s = 0.0
        self._last_step = 0

    def _due(self, trainer: pl.Trainer) -> bool:
        step = trainer.global_step
        if self.every_updates is not None and step % self.every_updates == 0:
            return True
        if self.every_s is None:
            return False
        late = time.monotonic() - self._saved_at_s >= self.every_s
        if trainer.world_size == 1:
            return late
        if step % _SYNCHRONIZED_EVERY_UPDATES != 0:
            return False
        return bool(trainer.strategy.broadcast(late))

    def save(self, trainer: pl.Trainer) -> None:
        """Write the checkpoint now (called by every process)."""
        trainer.save_checkpoint(self.path)
        self._saved_at_s = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._saved_at_s = time.monotonic()
        self._last_step = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Write when due, between updates only."""
        if trainer.global_step == self._last_step:
            return
        self._last_step = trainer.global_step
        if trainer.global_step < trainer.max_steps and self._due(trainer):
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the final state, so that training again is doing nothing."""
        self.save(trainer)
