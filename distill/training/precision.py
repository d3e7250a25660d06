"""Where half precision helps."""

from pathlib import Path

import torch

from distill.errors import UserError

PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")


def _cpu_multiplies_bf16() -> bool:
    """Whether this processor has instructions for bfloat16 products (AVX-512 BF16 or AMX)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def resolve_precision(name: str, *, cuda: bool | None = None) -> str:
    """Return the Lightning precision for `name`; `auto` is bf16 autocast where it is faster.

    Args:
        name: One of `PRECISIONS`.
        cuda: Whether training uses CUDA; asked of the machine when absent.

    Raises:
        UserError: The name is unknown.
    """
    if name not in PRECISIONS:
        raise UserError(f"precision {name!r} is unknown; choose one of {', '.join(PRECISIONS)}")
    if name != "auto":
        return name
    if torch.cuda.is_available() if cuda is None else cuda:
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if _cpu_multiplies_bf16() else "32-true"
