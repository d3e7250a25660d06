"""How many threads a computation takes: small networks are slower on many."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

SMALL_PARAMETERS = 4_000_000
"""Networks below this train on one thread: their operations are too short to be shared
(`python -m benchmarks.training --threads` compares).
"""


@contextmanager
def computing_on(threads: int | None) -> Iterator[None]:
    """Compute on so many threads inside the block; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_to_train(module: nn.Module, asked: int | None) -> int | None:
    """Return the threads that training takes: as asked, one if little learns, else no change."""
    learning = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return asked or (1 if learning < SMALL_PARAMETERS else None)
