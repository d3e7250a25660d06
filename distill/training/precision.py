"""Where half precision helps."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.precision import MixedPrecision, Precision
from pytorch_lightning.utilities import GradClipAlgorithmType
from torch.optim import Optimizer

from distill.errors import UserError

PRECISIONS = ("auto", "32-true", "bf16-mixed")


def _cpu_multiplies_bf16() -> bool:
    """Whether this processor has instructions for bfloat16 products (AVX-512 BF16 or AMX)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


class ClippedBf16(MixedPrecision):
    """bfloat16 autocast that clips gradients beside a fused optimizer.

    Lightning refuses that because such an optimizer undoes the loss scale of float16 itself, after
    the clipping; bfloat16 has no loss scale.
    """

    def __init__(self, device: str) -> None:
        super().__init__("bf16-mixed", device)

    def clip_gradients(
        self,
        optimizer: Optimizer,
        clip_val: int | float = 0.0,
        gradient_clip_algorithm: GradClipAlgorithmType = GradClipAlgorithmType.NORM,
    ) -> None:
        """Clip as in full precision."""
        Precision.clip_gradients(self, optimizer, clip_val, gradient_clip_algorithm)


def precision_options(name: str, *, cuda: bool) -> dict[str, Any]:
    """Return the options of `pl.Trainer` for `name`; `auto` is bf16 autocast where it is faster.

    Args:
        name: One of `PRECISIONS`.
        cuda: Whether training uses CUDA.

    Raises:
        UserError: The name is unknown.
    """
    if name not in PRECISIONS:
        raise UserError(f"precision {name!r} is unknown; choose one of {', '.join(PRECISIONS)}")
    if name == "auto":
        has_bf16 = torch.cuda.is_bf16_supported() if cuda else _cpu_multiplies_bf16()
        name = "bf16-mixed" if has_bf16 else "32-true"
    if name == "32-true":
        return {"precision": name}
    return {"plugins": [ClippedBf16("cuda" if cuda else "cpu")]}
