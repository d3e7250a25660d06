"""Networks that outgrow a device: weights, gradients, moments and averages lie in shards.

Every process keeps one shard of each and holds all weights only while it calls the network (fully
sharded data parallel, arXiv 2304.11277, in its second form of torch.distributed.fsdp).
"""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from distill.training.world import world_size

SHARDED, COPIED = "fsdp", "ddp_find_unused_parameters_true"


def strategy_for(module: pl.LightningModule, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of `pl.Trainer` in which `strategy: fsdp` is what Lightning builds.

    Modules that do not shard themselves in `configure_model` are copied to every process.
    """
    if options.get("strategy") != SHARDED:
        return dict(options)
    if type(module).configure_model is pl.LightningModule.configure_model:
        return {**options, "strategy": COPIED}
    strategy = ModelParallelStrategy(
        data_parallel_size=world_size(), tensor_parallel_size=1, save_distributed_checkpoint=False
    )
    return {**options, "strategy": strategy}


def shard(network: nn.Module, mesh: Any, methods: tuple[str, ...] = ()) -> None:
    """Shard the parameters of a network; `methods` are called beside its forward."""
    fully_shard(network, mesh=mesh, reshard_after_forward=True)
    for method in methods:
        register_fsdp_forward_method(network, method)  # type: ignore[no-untyped-call]


def is_sharded(network: nn.Module) -> bool:
    """Return whether this process holds shards of the network's parameters only."""
    return any(isinstance(parameter, DTensor) for parameter in network.parameters())


def whole(value: Tensor) -> Tensor:
    """Return all of a tensor; every process has to ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def own(value: Tensor) -> Tensor:
    """Return what this process holds of a tensor, in place."""
    return value.to_local() if isinstance(value, DTensor) else value


def placed(value: Tensor, like: Tensor) -> Tensor:
    """Return a whole tensor as `like` is: its device, its kind and its shards."""
    if isinstance(value, DTensor) or not isinstance(like, DTensor):
        return value.to(like)
    moved = value.to(device=like.device, dtype=like.dtype)
    return distribute_tensor(moved, like.device_mesh, like.placements)


def whole_state(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's state with whole tensors."""
    return {name: whole(value.detach()) for name, value in network.state_dict().items()}
