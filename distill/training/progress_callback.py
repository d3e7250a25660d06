"""Drives a progress bar from a trainer; apart from the bars, which must not import Lightning."""

import time
from typing import Any

import pytorch_lightning as pl
import torch

from distill.training.progress import StageProgress

_LOSS_EVERY_S = 0.5


class ProgressCallback(pl.Callback):
    """Drives a stage from a trainer; reads the loss at most twice a second."""

    def __init__(self, stage: StageProgress):
        self.stage = stage
        self._read_s = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start counting at the update of the checkpoint."""
        self.stage.resume_at(trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the update."""
        finished = trainer.global_step - self.stage.done
        if finished <= 0:
            return
        fields: dict[str, float] = {}
        now_s = time.monotonic()
        if now_s - self._read_s >= _LOSS_EVERY_S or trainer.global_step == trainer.max_steps:
            self._read_s = now_s
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            if isinstance(loss, torch.Tensor):
                fields["loss"] = float(loss)
        self.stage.advance(finished, **fields)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show a stage whose checkpoint was final already as complete."""
        if self.stage.done < trainer.global_step:
            self.stage.resume_at(trainer.global_step)
