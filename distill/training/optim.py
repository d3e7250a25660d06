"""The optimizer and learning-rate schedule that every stage uses."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from distill.errors import UserError
from distill.layers.modulation import Modulation

_UNDECAYED_MODULES = (
    nn.Embedding,
    nn.EmbeddingBag,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.modules.batchnorm._BatchNorm,
)
_UNDECAYED_WORDS = ("embed", "position", "token", "null", "bank", "scale", "temperature")


def rate_at(update: int, *, updates: int, warmup: int, before: int = 0, after: int = 0) -> float:
    """Return the share of the top learning rate that update `update` (from 0) uses.

    Half a cosine from 1 to 0 (Loshchilov & Hutter 2017, without restarts) over `before`,
    `updates` and `after` together, entered linearly in `warmup` updates. The first update is
    never wasted on zero.
    """
    share = min(1.0, (before + update) / (before + updates + after))
    return min(1.0, (update + 1) / (warmup + 1)) * 0.5 * (1.0 + math.cos(math.pi * share))


def parameter_groups(
    source: nn.Module | Iterable[nn.Parameter], weight_decay: float
) -> list[dict[str, Any]]:
    """Split trainable parameters into blocks' matrices, other decayed matrices and the rest.

    The order is fixed. Biases, gains, normalizations, embeddings and learned tokens are not
    decayed. Matrices of blocks are marked for Muon (`"muon": True`). From a bare list of
    parameters only the number of axes can be seen.
    """
    if isinstance(source, nn.Module):
        modules = dict(source.named_modules(remove_duplicate=False))
        named = [
            (p, _decayed(name, p, modules[name.rpartition(".")[0]]), _in_block(name, modules))
            for name, p in source.named_parameters()
        ]
    else:
        named = [(p, p.ndim >= 2, False) for p in source]
    trainable = [(p, decayed, decayed and block) for p, decayed, block in named if p.requires_grad]
    groups = [
        {
            "params": [p for p, *kind in trainable if kind == [decayed, muon]],
            "weight_decay": weight_decay if decayed else 0.0,
            "muon": muon,
        }
        for decayed, muon in ((True, True), (True, False), (False, False))
    ]
    return [group for group in groups if group["params"]]


def _in_block(name: str, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether a parameter is the matrix of a linear layer inside one of a row of blocks.

    What a condition modulates is not: its matrices map one vector per sample, not frames.
    """
    path = name.split(".")[:-1]
    above = [modules[".".join(path[:depth])] for depth in range(len(path) + 1)]
    owner, around = above[-1], above[:-1]
    if not isinstance(owner, nn.Linear) or any(isinstance(m, Modulation) for m in around):
        return False
    return any(isinstance(m, nn.ModuleList | nn.Sequential) for m in around[:-1])


def _decayed(name: str, parameter: nn.Parameter, owner: nn.Module) -> bool:
    last = name.rpartition(".")[2].lower()
    return (
        parameter.ndim >= 2
        and not isinstance(owner, _UNDECAYED_MODULES)
        and not any(word in last for word in _UNDECAYED_WORDS)
    )


def configure(
    source: nn.Module | Iterable[nn.Parameter], *, weight_decay: float, **options: Any
) -> dict[str, Any]:
    """Return the optimizer and its schedule as `configure_optimizers` wants them.

    Args:
        source: The module (or parameters) to train; frozen parameters are left out.
        weight_decay: Decoupled decay of matrices.
        options: Arguments of `scheduled`.

    Raises:
        UserError: The warm-up is longer than the training, or nothing is trainable.
    """
    return scheduled(parameter_groups(source, weight_decay), **options)


def scheduled(
    groups: Sequence[dict[str, Any]],
    *,
    lr: float,
    updates: int,
    warmup: int,
    before: int = 0,
    after: int = 0,
    betas: tuple[float, float] = (0.9, 0.999),
) -> dict[str, Any]:
    """Return the optimizer and its schedule for parameter groups.

    Args:
        groups: As `parameter_groups` makes them; a group's own `lr` wins over the common one.
        lr: Top learning rate.
        updates: Updates of the whole stage.
        warmup: Updates until the top learning rate.
        before: Updates of the stages before, whose cosine this stage continues.
        after: Updates of the stages after, which continue it.
        betas: AdamW's moment decays.

    Raises:
        UserError: The warm-up is longer than the training, or nothing is trainable.
    """
    if not 0 <= warmup < max(updates, 1):
        raise UserError(
            f"warm-up of {warmup} updates does not fit into a training of {updates} updates; "
            "lower the warm-up"
        )
    if not groups:
        raise UserError("there is nothing to train: every parameter is frozen")
    optimizer = MuonAdamW(groups, lr=lr, betas=betas)
    schedule = LambdaLR(
        optimizer,
        lambda update: rate_at(update, updates=updates, warmup=warmup, before=before, after=after),
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class MuonAdamW(Optimizer):
    """Muon for the groups that are marked for it, AdamW for the rest, as one optimizer.

    Muon (arXiv 2502.16982) makes the singular values of a matrix's update alike. Rare motion,
    blinks and glances, is then learned as fast as common motion. Its updates are scaled to AdamW's
    size, so that both share a learning rate.

    Every parameter has moments from the start. One that the data has not used yet (the voice of
    nobody) would have none in a checkpoint, and shards refuse such a checkpoint. Updates stay what
    they were.

    Args:
        groups: As `parameter_groups` makes them.
        lr: Learning rate of groups without their own.
        betas: AdamW's moment decays.
    """

    def __init__(
        self, groups: Sequence[dict[str, Any]], *, lr: float, betas: tuple[float, float]
    ) -> None:
        fused = all(p.device.type in ("cpu", "cuda") for g in groups for p in g["params"])
        muon, rest = ([g for g in groups if g["muon"] == kind] for kind in (True, False))
        self.parts: list[Optimizer] = []
        if rest:
            self.parts.append(AdamW(rest, lr=lr, betas=betas, fused=fused))
        if muon:
            self.parts.append(Muon(muon, lr=lr, adjust_lr_fn="match_rms_adamw"))
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()
        for part in self.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    self.state[parameter] = _first_moments(group, parameter)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over loaded groups and moments, in the parts too."""
        super().__setstate__(state)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def _share(self) -> None:
        """Let the parts work on the groups and moments of the whole."""
        for part in self.parts:
            kind = isinstance(part, Muon)
            part.param_groups = [g for g in self.param_groups if g["muon"] == kind]
            part.state = self.state


def _first_moments(group: Mapping[str, Any], parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the moments that a parameter is given at its first gradient."""
    names = ("momentum_buffer",) if group["muon"] else ("exp_avg", "exp_avg_sq")
    moments = {
        name: torch.zeros_like(parameter, memory_format=torch.preserve_format) for name in names
    }
    if group["muon"]:
        return moments
    step = torch.zeros((), device=parameter.device if group["fused"] else "cpu")
    return {"step": step, **moments}
