"""Networks run by torch, behind the numpy interface."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from distill.artifact import load_artifact
from distill.diffusion.guidance import GuidedDenoiser
from distill.diffusion.sampling import ddim_sample
from distill.diffusion.schedule import step_grid
from distill.errors import UserError
from distill.folder import WEIGHTS, read_config
from distill.persona import VoiceEmbedder
from distill.protocols import Denoiser, PersonaEmbedder
from distill.types import Conditions


class EagerEmbedder(VoiceEmbedder):
    """A personalizer network in eval mode, called with numpy arrays."""

    def __init__(self, embedder: PersonaEmbedder) -> None:
        self.embedder = embedder

    @torch.no_grad()
    def embed(
        self, audio: Float[np.ndarray, " S"]
    ) -> tuple[Float[np.ndarray, " E"], Float[np.ndarray, " E"]]:
        """Return unit (identity, emotion)."""
        identity, emotion = self.embedder.embed(_tensor(audio)[None])
        return identity[0].numpy(), emotion[0].numpy()

    @torch.no_grad()
    def fuse(
        self, identity: Float[np.ndarray, "B E"], emotion: Float[np.ndarray, "B E"]
    ) -> Float[np.ndarray, "B E"]:
        """Return the personalized embedding."""
        return self.embedder.fuse(_tensor(identity), _tensor(emotion)).numpy()


class EagerEngine(EagerEmbedder):
    """All networks of a model folder.

    Attributes:
        denoiser: The network, guided where the model says so, in eval mode.
        mean: Mean of each motion channel.
        std: Deviation of each motion channel.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        embedder: PersonaEmbedder | None,
        mean: Float[Tensor, " D"],
        std: Float[Tensor, " D"],
        file_bytes: int,
    ) -> None:
        if embedder is not None:
            super().__init__(embedder)
        self.denoiser, self.mean, self.std = denoiser, mean, std
        modules = [denoiser] + ([embedder] if embedder is not None else [])
        self.params = sum(p.numel() for module in modules for p in module.parameters())
        self.bytes = file_bytes
        self.calls_per_step = 2 if isinstance(denoiser, GuidedDenoiser) else 1

    @torch.no_grad()
    def sample(
        self,
        audio: Float[np.ndarray, " S"],
        persona: Float[np.ndarray, "1 E"] | None,
        noise: Float[np.ndarray, "B F D"],
        steps: int,
    ) -> Float[np.ndarray, "B F D"]:
        """Sample with DDIM and bring the result to rig units."""
        raw = Conditions(
            audio=_tensor(audio)[None], persona=None if persona is None else _tensor(persona)
        )
        cond = self.denoiser.prepare(raw, noise.shape[1])
        # A batch of one is prepared; every row of noise is generated under it.
        expand = [
            None if v is None else v.expand(len(noise), *v.shape[1:])
            for v in (cond.audio, cond.persona)
        ]
        cond = Conditions(audio=expand[0], persona=expand[1])
        motion = ddim_sample(self.denoiser, _tensor(noise), cond, step_grid(steps))
        return (motion * self.std + self.mean).numpy()


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def open_eager(folder: Path) -> EagerEngine:
    """Load the networks of a model folder.

    Raises:
        UserError: The folder is missing, foreign or corrupt.
    """
    if not (folder / WEIGHTS).is_file() and "onnx" in read_config(folder):
        raise UserError(
            f"{folder} has no {WEIGHTS}: it is an export; run it with --backend onnx "
            '(`distill.load(folder, backend="onnx")`)'
        )
    opened = load_artifact(folder)
    denoiser = cast(Denoiser, opened.modules["denoiser"])
    guidance = opened.config.get("guidance", 1.0)
    if guidance != 1.0:
        denoiser = GuidedDenoiser(denoiser, guidance)
    return EagerEngine(
        denoiser.eval(),
        cast(PersonaEmbedder | None, opened.modules.get("embedder")),
        opened.tensors["mean"],
        opened.tensors["std"],
        (folder / WEIGHTS).stat().st_size,
    )
