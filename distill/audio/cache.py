"""Features of a frozen encoder on disk, keyed by what was heard and what heard it."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16, Float32

from distill.audio.backbones import load_backbone
from distill.audio.frames import exact_fps, frames_for
from distill.audio.frozen import FrozenEncoder
from distill.storage import atomic_path

Compute = Callable[[np.ndarray, float | int], np.ndarray]


class FeatureCache:
    """Remembers features by content: the same audio, encoder and fps are computed once.

    Files are written atomically and carry a checksum; a damaged one is computed again.
    """

    def __init__(self, folder: str | Path, encoder_id: str, compute: Compute) -> None:
        self.folder, self.encoder_id, self.compute = Path(folder), encoder_id, compute

    @classmethod
    def of(cls, folder: str | Path, encoder: FrozenEncoder | Mapping[str, Any]) -> "FeatureCache":
        """Cache the raw backbone features (`cond.features`) of an encoder.

        In place of the encoder, the keyword arguments of `build_encoder` will do.
        """
        if isinstance(encoder, Mapping):
            backbone = load_backbone(encoder["name"], encoder.get("path"))
            name = encoder["name"]
            encoder = FrozenEncoder(name=name, fps=30, width=1, blocks=0, backbone=backbone)
        heard_by = encoder

        def compute(audio: np.ndarray, fps: float | int) -> np.ndarray:
            device = next(heard_by.backbone.parameters()).device
            heard = torch.from_numpy(audio)[None].to(device)
            return heard_by.features(heard, frames_for(len(audio), fps), fps)[0].cpu().numpy()

        return cls(folder, heard_by.identity(), compute)

    def features(
        self, audio: Float32[np.ndarray, " S"], fps: float | int
    ) -> Float16[np.ndarray, "F A"]:
        """Return float16 features of 16 kHz audio, one row per motion frame."""
        path = self.path(audio, fps)
        found = _read(path)
        if found is not None and len(found) == frames_for(len(audio), fps):
            return found
        made = self.compute(audio, fps).astype(np.float16)
        with atomic_path(path) as temporary:
            np.savez(temporary, features=made)
        return made

    def path(self, audio: Float32[np.ndarray, " S"], fps: float | int) -> Path:
        """Return the file that holds, or would hold, the features of `audio`."""
        heard = np.ascontiguousarray(audio, np.float32).tobytes()
        digest = hashlib.sha256(f"{self.encoder_id} {exact_fps(fps)} ".encode() + heard)
        return self.folder / digest.hexdigest()[:2] / f"{digest.hexdigest()[:32]}.npz"


def _read(path: Path) -> np.ndarray | None:
    """Return the features in a cache file, None when it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = file["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if found.ndim == 2 and found.dtype == np.float16 else None
