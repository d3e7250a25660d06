"""What must not be computed in half precision."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")
HALVES = (torch.bfloat16, torch.float16)


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Compute a function of tensors in float32 where autocast would compute it in bfloat16.

    For losses, similarities and distances: a product in bfloat16 knows three digits, and a lip
    that is a tenth of a millimetre apart is the difference of coordinates of hundreds.
    """

    @wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> R:
        devices = {a.device.type for a in (*args, *kwargs.values()) if isinstance(a, Tensor)}
        if not any(map(torch.is_autocast_enabled, devices)):
            return function(*args, **kwargs)
        with torch.autocast(next(iter(devices)), enabled=False):
            named = {name: _single(value) for name, value in kwargs.items()}
            return function(*map(_single, args), **named)  # type: ignore[arg-type]

    return computed


def _single(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALVES else value
