"""Rows of a batch that several processes share: what is drawn for them and what joins them.

Process r of n works on rows r, r + n, r + 2n, ... of the batch. What is drawn for a row, and what
a loss says about the batch, do not depend on n.
"""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.filters import colored
from distill.training.world import rank, world_size


def uniform(rows: int) -> Float[Tensor, " B"]:
    """Draw from [0, 1) for this process's rows, of which it has `rows`."""
    return torch.rand(rows * world_size())[rank() :: world_size()]


def stratified(rows: int) -> Float[Tensor, " B"]:
    """Draw one value from each of as many equal parts of [0, 1) as the whole batch has rows.

    In random order; for this process's rows.
    """
    whole = rows * world_size()
    drawn = (torch.randperm(whole) + torch.rand(whole)) / whole
    return drawn[rank() :: world_size()]


def normal(shape: tuple[int, ...]) -> Tensor:
    """Draw normal noise for this process's rows; `shape` (B ...) is theirs."""
    return torch.randn(shape[0] * world_size(), *shape[1:])[rank() :: world_size()]


def drawn_noise(x: Float[Tensor, "B F D"], taps: Float[Tensor, "K D"]) -> Float[Tensor, "B F D"]:
    """Draw noise for this process's rows, with the covariance in time that a space stores."""
    rows, frames, channels = x.shape
    white = normal((rows, frames + len(taps) - 1, channels)).to(x)
    return colored(white, taps.to(x))


def over_processes(value: Tensor) -> Tensor:
    """Return the mean of `value` over all processes, without gradient.

    With it in place of a process's own count, a mean over counted frames has, averaged over
    processes as their gradients are, the value and gradient of the joined batch.
    """
    if world_size() == 1:
        return value
    total = value.detach().to(torch.float32, copy=True)
    dist.all_reduce(total)
    return total / world_size()


def joined_rows(value: Tensor) -> Tensor:
    """Return the rows (N ...) of the whole batch, in order; gradients flow to their processes.

    A loss of joined rows is the same in every process. Averaging gradients over processes then
    gives those of the loss: each process's rows receive a gradient from every process.
    """
    if world_size() == 1:
        return value
    return _Gathered.apply(value).transpose(0, 1).flatten(0, 1)  # type: ignore[union-attr]


class _Gathered(torch.autograd.Function):
    """Rows of every process (process, row, ...); backward adds what the processes ask of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        parts = [torch.empty_like(value) for _ in range(world_size())]
        dist.all_gather(parts, value.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total[rank()]
