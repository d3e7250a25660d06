"""Counts network calls, so that methods can be compared at equal cost."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytorch_lightning as pl
from torch import nn

from distill.protocols import Denoiser

ROLES: tuple[str, ...] = ("teacher", "student")


class CallCounter(pl.Callback):
    """Counts the calls of a whole training: one per network and batch, with gradient or without.

    The counts are part of the checkpoint. Audio encoders, which run once per batch whatever the
    method, and validation are not counted; a guided denoiser counts for what it calls.

    Args:
        networks: Networks by role.

    Attributes:
        calls: Calls so far by role.
    """

    def __init__(self, networks: Mapping[str, Iterable[nn.Module]]):
        self.networks = {role: list(found) for role, found in networks.items()}
        self.calls = dict.fromkeys(ROLES, 0)
        self._hooks: list[Any] = []

    @property
    def state_key(self) -> str:
        """Name of this callback's part of the checkpoint."""
        return "calls"

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Listen to every network."""
        for role, found in self.networks.items():
            for network in (inner for outer in found for inner in called(outer)):
                self._hooks.append(network.register_forward_hook(self._counting(role)))

    def _counting(self, role: str) -> Any:
        def count(*_: Any) -> None:
            self.calls[role] += 1

        return count

    def _stop(self) -> None:
        while self._hooks:
            self._hooks.pop().remove()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Listen no longer: a network that is copied takes no hook along."""
        self._stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave no hook behind."""
        self._stop()

    def state_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return dict(self.calls)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.calls |= {role: int(count) for role, count in state_dict.items()}


def called(network: nn.Module) -> list[nn.Module]:
    """Return the denoisers inside `network` that wrap no other; itself when there are none."""
    denoisers = [module for module in network.modules() if isinstance(module, Denoiser)]
    return [d for d in denoisers if sum(isinstance(m, Denoiser) for m in d.modules()) == 1] or [
        network
    ]
