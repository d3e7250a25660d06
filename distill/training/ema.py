"""Exponential moving average of a network's weights, for evaluation and export."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from distill.errors import UserError
from distill.training.sharded import own, placed, whole


def averaged_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return what an average follows: trainable parameters and floating-point buffers."""
    named = {name: p.data for name, p in model.named_parameters() if p.requires_grad}
    persistent = model.state_dict().keys()
    for name, buffer in model.named_buffers():
        if buffer.is_floating_point() and name in persistent:
            named[name] = buffer.data
    return named


class Average:
    """A moving average a <- a + (1 - d) (w - a) with d = min(decay, (1 + n) / (10 + n)).

    `n` counts the updates made, so that early weights are forgotten fast (TensorFlow's
    ExponentialMovingAverage, `num_updates`).
    """

    def __init__(self, decay: float = 0.999):
        self.decay = decay
        self.updates = 0
        self.tensors: dict[str, Tensor] = {}

    def decay_at(self, updates: int) -> float:
        """Return the decay of the update that follows `updates` earlier ones."""
        return min(self.decay, (1 + updates) / (10 + updates))

    @torch.no_grad()
    def attach(self, model: nn.Module) -> None:
        """Start from the model's weights, or check and move the average that was loaded.

        Raises:
            UserError: The loaded average belongs to another network.
        """
        current = averaged_tensors(model)
        if not self.tensors:
            self.tensors = {name: value.clone() for name, value in current.items()}
        if self.tensors.keys() != current.keys():
            different = sorted(self.tensors.keys() ^ current.keys())[0]
            raise UserError(
                f"the checkpoint's averaged weights belong to another network ({different!r} is "
                "on one side only); use a new run directory"
            )
        self.tensors = {name: placed(self.tensors[name], current[name]) for name in current}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's weights."""
        current = averaged_tensors(model)
        average = get_ema_multi_avg_fn(self.decay_at(self.updates))
        average([*map(own, self.tensors.values())], [*map(own, current.values())], self.updates)
        self.updates += 1

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the model's weights with the average."""
        current = averaged_tensors(model)
        for name, value in self.tensors.items():
            own(current[name]).copy_(own(value))

    @torch.no_grad()
    def exchange(self, model: nn.Module) -> None:
        """Exchange the model's weights with the average; a second call undoes the first."""
        tensors = dict(model.named_parameters()) | dict(model.named_buffers())
        for name, value in self.tensors.items():
            if isinstance(value, DTensor):  # the shards of a network stay where they are
                kept = own(value).clone()
                own(value).copy_(own(tensors[name].data))
                own(tensors[name].data).copy_(kept)
            else:
                tensors[name].data, self.tensors[name] = value, tensors[name].data

    @contextmanager
    def swap(self, model: nn.Module) -> Iterator[None]:
        """Let the model carry the averaged weights inside the block."""
        self.exchange(model)
        try:
            yield
        finally:
            self.exchange(model)


class ExponentialMovingAverage(pl.Callback):
    """Averages one network of a Lightning module and validates with the average.

    The average is part of the checkpoint. Frozen parameters are not averaged.

    Args:
        attribute: Where the network is, such as `model` or `student.network`.
        decay: Largest decay.
    """

    def __init__(self, attribute: str = "model", decay: float = 0.999):
        self.attribute = attribute
        self.average = Average(decay)
        self._swapped = False
        self._last_step = 0

    @property
    def state_key(self) -> str:
        """Name of this callback's part of the checkpoint."""
        return f"ema:{self.attribute}"

    def network(self, module: pl.LightningModule) -> nn.Module:
        """Return the averaged network of `module`."""
        return module.get_submodule(self.attribute)

    def copy_to(self, module: pl.LightningModule) -> None:
        """Overwrite the network's weights with the average."""
        self.average.copy_to(self.network(module))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start, or continue from the checkpoint."""
        self.average.attach(self.network(pl_module))
        self._last_step = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Follow the weights after every update (not after every accumulated batch)."""
        if trainer.global_step != self._last_step:
            self._last_step = trainer.global_step
            self.average.update(self.network(pl_module))

    def _exchange(self, module: pl.LightningModule, *, swapped: bool) -> None:
        if self.average.tensors and self._swapped != swapped:
            self.average.exchange(self.network(module))
            self._swapped = swapped

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate with the average."""
        self._exchange(pl_module, swapped=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train on with the weights."""
        self._exchange(pl_module, swapped=False)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the module with its own weights when validation fails."""
        self._exchange(pl_module, swapped=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the average as plain tensors and numbers."""
        tensors = {name: whole(value) for name, value in self.average.tensors.items()}
        return {"updates": self.average.updates, "tensors": tensors}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the average from a checkpoint."""
        self.average.updates = int(state_dict["updates"])
        self.average.tensors = dict(state_dict["tensors"])
