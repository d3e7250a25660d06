"""The part that every training module shares: named loss terms, their sum, and the optimizer."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from distill.training.optim import configure
from distill.training.rows import over_processes
from distill.types import Batch


class Objective(pl.LightningModule):
    """Trains `self.model` on the sum of the terms that a subclass returns.

    Args:
        model: Network that learns and whose moving average is kept.
        optimizer: Arguments of `distill.training.optim.configure`.
    """

    def __init__(self, model: nn.Module, optimizer: Mapping[str, Any]):
        super().__init__()
        self.model = model
        self.optimizer_options = dict(optimizer)

    @abstractmethod
    def terms(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Return the weighted loss terms of a training batch by name."""

    def learning(self) -> nn.Module:
        """Return what the optimizer updates."""
        return self.model

    def networks(self) -> dict[str, tuple[nn.Module, ...]]:
        """Return whose calls are counted, by role: `teacher` and `student`."""
        return {"student": (self.model,)}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum the terms and log each, as they are over the whole batch."""
        terms = self.terms(batch)
        values = torch.stack(list(terms.values()))
        loss, whole = values.sum(), over_processes(values.detach())
        self.log_dict({f"train/{name}": value for name, value in zip(terms, whole, strict=True)})
        self.log("train/loss", whole.sum(), prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        """Muon and AdamW with warm-up and cosine decay."""
        return configure(self.learning(), **self.optimizer_options)

    def log_validation(
        self,
        terms: Mapping[str, Tensor],
        predicted: Float[Tensor, "B F D"],
        target: Float[Tensor, "B F D"],
        mask: Bool[Tensor, "B F"],
    ) -> None:
        """Log validation terms and how much the prediction moves relative to real motion."""
        size = len(target)
        self.log_dict({f"val/{name}": value for name, value in terms.items()}, batch_size=size)
        self.log("val/loss", torch.stack(list(terms.values())).sum(), batch_size=size)
        real = target[mask].std(0).mean().clamp(min=1e-6)
        self.log("val/motion_ratio", predicted[mask].std(0).mean() / real, batch_size=size)
