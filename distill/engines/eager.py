"""Networks run by torch, behind the numpy interface."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from distill.artifact import load_artifact
from distill.audio.encoders import MelEncoder
from distill.diffusion.guidance import GuidedDenoiser
from distill.diffusion.parameterization import to_x0
from distill.diffusion.sampling import ddim_sample, ddim_step
from distill.diffusion.schedule import step_grid
from distill.engines.engine import StreamShape, StreamState
from distill.errors import UserError
from distill.folder import WEIGHTS, read_config
from distill.persona import VoiceEmbedder
from distill.protocols import CausalDenoiser, Denoiser, PersonaEmbedder
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
        cond = cond.rows(len(noise))
        motion = ddim_sample(self.denoiser, _tensor(noise), cond, step_grid(steps))
        return (motion * self.std + self.mean).numpy()


class EagerStreamEngine(EagerEngine):
    """All networks of a streaming model folder."""

    def __init__(
        self,
        denoiser: CausalDenoiser,
        embedder: PersonaEmbedder | None,
        mean: Float[Tensor, " D"],
        std: Float[Tensor, " D"],
        file_bytes: int,
        steps: int,
    ) -> None:
        super().__init__(denoiser, embedder, mean, std, file_bytes)
        self.causal, self.steps = denoiser, steps
        self.streaming = Streaming(denoiser, step_grid(steps), mean, std)
        mel = cast(MelEncoder, denoiser.encoder).mel
        self.stream = StreamShape(
            block_frames=denoiser.block_frames,
            shift_frames=denoiser.shift_frames,
            early_frames=denoiser.early_frames,
            per_frame=mel.per_frame,
        )

    def begin(self, rows: int) -> StreamState:
        """Return the memory of streams that have heard nothing."""
        return self._named(self.causal.initial_state(rows, self.steps))

    @torch.no_grad()
    def advance(
        self,
        windows: Float[np.ndarray, "B N L"],
        persona: Float[np.ndarray, "B E"] | None,
        noise: Float[np.ndarray, "B K D"],
        state: StreamState,
    ) -> tuple[Float[np.ndarray, "B K D"], StreamState]:
        """Hear the next windows, make the next block of motion, remember."""
        memory = [torch.from_numpy(value) for value in state.values()]
        motion, *after = self.streaming(
            torch.from_numpy(windows),
            torch.from_numpy(noise),
            heard=memory[: -self.steps],
            steps=memory[-self.steps :],
            persona=None if persona is None else torch.from_numpy(persona),
        )
        return motion.numpy(), self._named(after)

    def _named(self, memory: Sequence[Tensor]) -> StreamState:
        parts = {"heard": memory[: -self.steps], "steps": memory[-self.steps :]}
        return {
            f"{part}_{i}": value.numpy() for part, of in parts.items() for i, value in enumerate(of)
        }


class Streaming(nn.Module):
    """One block of a stream as a function: what it hears and remembers to motion and memory."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, model: CausalDenoiser, grid: Sequence[tuple[float, float]], mean: Tensor, std: Tensor
    ) -> None:
        super().__init__()
        self.model, self.grid = model, tuple(grid)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(
        self,
        windows: Float[Tensor, "B N L"],
        noise: Float[Tensor, "B K D"],
        heard: list[Tensor],
        steps: list[Tensor],
        persona: Float[Tensor, "B E"] | None = None,
    ) -> tuple[Tensor, ...]:
        """Return motion in rig units (B K D), then the memory: of what was heard, of each step."""
        cond, after = self.model.hear(windows, persona, tuple(heard))
        schedule, z, x0 = self.model.schedule, noise, noise
        # With one row, what follows from times alone is constant in a graph.
        rows = 1 if torch.compiler.is_exporting() else len(noise)
        for (now, then), memory in zip(self.grid, steps, strict=True):
            t, s = noise.new_full((rows,), now), noise.new_full((rows,), then)
            told = replace(cond, span=t - s)
            out, kept = self.model.denoise(z, t, told, memory)
            after = (*after, kept)
            x0 = to_x0(out, z, *schedule.alpha_sigma(t), self.model.prediction)
            if then > 0:
                z = ddim_step(z, x0, t, s, schedule)
        return x0 * self.std + self.mean, *after


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
    parts = (
        cast(PersonaEmbedder | None, opened.modules.get("embedder")),
        opened.tensors["mean"],
        opened.tensors["std"],
        (folder / WEIGHTS).stat().st_size,
    )
    if isinstance(denoiser, CausalDenoiser):
        return EagerStreamEngine(denoiser.eval(), *parts, steps=opened.config["steps"])
    return EagerEngine(denoiser.eval(), *parts)
