"""Callbacks that stop training, or speak up, when it goes wrong."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from distill.errors import UserError
from distill.storage import atomic_path
from distill.training.sharded import whole

_log = logging.getLogger(__name__)


def named_tensors(value: Any, name: str = "batch") -> Iterator[tuple[str, Tensor]]:
    """Walk dataclasses, mappings and sequences; yield every tensor with its dotted name."""
    if isinstance(value, Tensor):
        yield name, value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from named_tensors(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from named_tensors(item, f"{name}.{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, item in enumerate(value):
            yield from named_tensors(item, f"{name}.{index}")


def save_batch(path: Path, batch: Any, metadata: Mapping[str, str]) -> None:
    """Write the tensors of any batch as safetensors.

    Raises:
        UserError: The folder cannot be written or the disk is full.
    """
    tensors = {name: value.detach().cpu().clone() for name, value in named_tensors(batch)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=dict(metadata))


class NonFiniteGuard(pl.Callback):
    """Stops before an update whose loss or gradients are not finite, and keeps its batch.

    Args:
        folder: Where `non_finite_batch.safetensors` is written (`..._rank1` by process 1).
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._batch: Any = None
        self._loss: Tensor | None = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember the batch."""
        self._batch = batch

    def on_before_backward(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor
    ) -> None:
        """Remember the loss; losses of accumulated batches are added."""
        detached = loss.detach()
        self._loss = detached if self._loss is None else self._loss + detached

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Check loss and gradients with a single transfer from the device.

        Raises:
            UserError: One of them is not finite.
        """
        loss, self._loss = self._loss, None
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        checks = [norm.isfinite().to("cpu") for norm in _norms(gradients)]
        if loss is not None:
            checks.append(loss.isfinite().all().to("cpu"))
        if not all(bool(check) for check in checks):
            self._stop(trainer, pl_module, loss)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Forget the batch."""
        self._batch = None

    def _stop(self, trainer: pl.Trainer, module: pl.LightningModule, loss: Tensor | None) -> None:
        rank = trainer.global_rank
        suffix = f"_rank{rank}" if rank else ""
        path = self.folder / f"non_finite_batch{suffix}.safetensors"
        value = float("nan") if loss is None else float(loss)
        broken = [
            name
            for name, parameter in module.named_parameters()
            if parameter.grad is not None and not parameter.grad.isfinite().all()
        ]
        update = trainer.global_step
        save_batch(
            path,
            self._batch,
            {"update": str(update), "loss": str(value), "parameters": "\n".join(broken)},
        )
        what = (
            f"the loss is {value}"
            if not torch.isfinite(torch.tensor(value))
            else f"the gradient of {broken[0] if broken else 'a parameter'} is not finite"
        )
        raise UserError(
            f"training stopped at update {update}: {what}; the batch is saved in {path}, look at "
            "it, or lower the learning rate or use precision 32-true"
        )


def _norms(gradients: list[Tensor]) -> list[Tensor]:
    """Return one norm over all gradients for each device they live on."""
    by_device: dict[torch.device, list[Tensor]] = {}
    for gradient in gradients:
        by_device.setdefault(gradient.device, []).append(gradient)
    return [whole(get_total_norm(same)) for same in by_device.values()]


class StaticFaceGuard(pl.Callback):
    """Notices that the predicted motion hardly moves compared with the data's.

    Values are looked up by name among the logged metrics, then among the module's attributes;
    nothing is checked while one is missing.

    Args:
        prediction: Name of the standard deviation of predicted motion over time.
        data: Name of the data's; None when `prediction` is the ratio of the two already.
        smallest_ratio: Predictions that move less than this share of the data are static.
        every_updates: Check after so many updates; None checks after each validation.
        after_updates: Do not check before: an untrained network is static.
        strict: Stop instead of warning once.
    """

    def __init__(
        self,
        prediction: str = "val/motion_ratio",
        data: str | None = None,
        *,
        smallest_ratio: float = 0.1,
        every_updates: int | None = None,
        after_updates: int = 100,
        strict: bool = False,
    ):
        self.prediction = prediction
        self.data = data
        self.smallest_ratio = smallest_ratio
        self.every_updates = every_updates
        self.after_updates = after_updates
        self.strict = strict
        self.warned = False

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Check when due."""
        if self.every_updates and trainer.global_step % self.every_updates == 0:
            self.check(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check what the validation logged."""
        if self.every_updates is None:
            self.check(trainer, pl_module)

    def check(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Compare the two values.

        Raises:
            UserError: The face is static and the guard is strict.
        """
        predicted = _value(trainer, module, self.prediction)
        expected = 1.0 if self.data is None else _value(trainer, module, self.data)
        if predicted is None or expected is None or trainer.global_step < self.after_updates:
            return
        if predicted >= self.smallest_ratio * expected or (self.warned and not self.strict):
            return
        message = (
            f"the face hardly moves after {trainer.global_step} updates: predicted motion varies "
            f"{predicted / max(expected, 1e-9):.1%} as much as the data's (at least "
            f"{self.smallest_ratio:.0%} is expected); check that audio reaches the network, train "
            "longer or lower the learning rate"
        )
        self.warned = True
        if self.strict:
            raise UserError(message)
        if trainer.is_global_zero:
            _log.warning(message)


def _value(trainer: pl.Trainer, module: pl.LightningModule, name: str) -> float | None:
    found = trainer.callback_metrics.get(name)
    if found is None:
        found = getattr(module, name, None)
    return None if found is None else float(found)
