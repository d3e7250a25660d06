"""Networks compiled by torch while they train, when asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from distill.training.calls import called
from distill.training.objective import Objective


@contextmanager
def compiled_parts(networks: Sequence[nn.Module], backend: str = "inductor") -> Iterator[None]:
    """Compile the parts of networks inside the block: those that are called, however they are.

    Weights, their names and results are the same; afterwards the parts run as written again.
    """
    parts = [part for network in networks for part in parts_of(network)]
    try:
        for part in parts:
            part.compile(backend=backend)
        yield
    finally:
        for part in parts:
            part._compiled_call_impl = None


def networks_of(module: nn.Module) -> list[nn.Module]:
    """Return the networks that training calls, teachers included; none of other modules."""
    groups = module.networks().values() if isinstance(module, Objective) else ()
    return [inner for group in groups for outer in group for inner in called(outer)]


def parts_of(network: nn.Module) -> Iterator[nn.Module]:
    """Return the outermost modules inside a network that are called; lists of modules are not."""
    for child in network.children():
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from parts_of(child)
        else:
            yield child
