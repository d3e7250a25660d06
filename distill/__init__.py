"""Distillation and compression of speech-driven 3D facial animation."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import distill.talker

__version__ = "0.1.0"


def load(folder: str | Path, backend: str = "torch") -> "distill.talker.Talker":
    """Load a model folder, or a shipped model by name; the result has `generate` and `embed`.

    With `backend="onnx"` an exported folder runs on onnxruntime alone, without torch.
    """
    from distill.talker import load as load_talker

    return load_talker(folder, backend)
