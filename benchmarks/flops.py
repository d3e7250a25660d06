"""Counting the floating-point operations of any piece of work."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

Shape = tuple[int, ...]


def _forward(q: Shape, k: Shape, v: Shape, *rest: Any, **named: Any) -> int:
    return sdpa_flop_count(q, k, v)


def _backward(grad: Shape, q: Shape, k: Shape, v: Shape, *rest: Any, **named: Any) -> int:
    return sdpa_backward_flop_count(grad, q, k, v)


# Torch itself counts the attention kernels of GPUs only.
_CPU_ATTENTION: dict[Any, Any] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}


def count_flops(work: Callable[[], object]) -> int:
    """Run `work` once and return the operations of its matrix products and convolutions."""
    with FlopCounterMode(display=False, custom_mapping=_CPU_ATTENTION) as counter:
        work()
    return counter.get_total_flops()
