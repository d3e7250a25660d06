"""The optimizer and learning-rate schedule that every stage uses."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from distill.errors import UserError

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
    """Split trainable parameters into decayed matrices and the rest (in a fixed order).

    Biases, gains, normalizations, embeddings and learned tokens are not decayed. From a bare
    list of parameters only the number of axes can be seen.
    """
    if isinstance(source, nn.Module):
        modules = dict(source.named_modules(remove_duplicate=False))
        named = [
            (p, _decayed(name, p, modules[name.rpartition(".")[0]]))
            for name, p in source.named_parameters()
        ]
    else:
        named = [(p, p.ndim >= 2) for p in source]
    trainable = [(p, decayed) for p, decayed in named if p.requires_grad]
    groups = [
        {"params": [p for p, decayed in trainable if decayed], "weight_decay": weight_decay},
        {"params": [p for p, decayed in trainable if not decayed], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


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
    """Return AdamW and its schedule as `configure_optimizers` wants them.

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
    """Return AdamW and its schedule for parameter groups.

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
    fused = all(p.device.type in ("cpu", "cuda") for g in groups for p in g["params"])
    optimizer = AdamW(groups, lr=lr, betas=betas, fused=fused)
    begin(optimizer)
    schedule = LambdaLR(
        optimizer,
        lambda update: rate_at(update, updates=updates, warmup=warmup, before=before, after=after),
    )
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def begin(optimizer: AdamW) -> None:
    """Give every parameter the moments that AdamW gives it at its first gradient.

    A parameter that the data has not used yet (the voice of nobody) would have
    none in a checkpoint, and shards refuse such a checkpoint. Updates stay what they were.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                "step": torch.zeros((), device=parameter.device if group["fused"] else "cpu"),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }
