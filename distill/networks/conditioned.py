"""What every denoiser of this repository shares: how audio, persona, step and history enter it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from distill.audio.encoders import build_encoder
from distill.diffusion.parameterization import Prediction
from distill.diffusion.schedule import CosineSchedule
from distill.errors import UserError
from distill.layers.modulation import Modulation, PersonaAdapter, StepEmbedding, keep_or, modulate
from distill.protocols import Denoiser
from distill.types import Conditions


class ConditionedDenoiser(Denoiser):
    """A denoiser whose trunk sees frames of (noisy motion + audio) and one condition vector.

    Args:
        motion_dim: Channels per motion frame, D.
        fps: Motion frames per second.
        width: Hidden size of the trunk.
        cond_dim: Size of the condition vector (step + persona), also `persona_dim`.
        persona_in: Size of the personalizer's embedding.
        audio: Keyword arguments of `distill.audio.encoders.build_encoder`, but for `fps`.
        prediction: What the output means: `x0`, `eps` or `v`.
        schedule: Keyword arguments of the cosine schedule.
        hidden: Channels of the noisy motion that the network does not see: speech and persona
            decide them (the mouth), and noise moves the others. Needs `prediction` x0.

    Raises:
        UserError: Channels are hidden from a network that predicts noise.
    """

    def __init__(
        self,
        *,
        motion_dim: int,
        fps: float,
        width: int,
        cond_dim: int,
        persona_in: int,
        audio: Mapping[str, Any],
        prediction: str = "x0",
        schedule: Mapping[str, float] | None = None,
        hidden: Sequence[int] = (),
    ):
        super().__init__()
        self.prediction = Prediction(prediction)
        if hidden and self.prediction is not Prediction.X0:
            raise UserError(
                f"prediction={prediction} needs to see all noisy motion, but kwargs.hidden keeps "
                f"{len(hidden)} channels from it; use prediction=x0 or hidden=null"
            )
        self.hidden = tuple(hidden)
        seen = torch.ones(motion_dim)
        seen[list(hidden)] = 0.0
        self.register_buffer("seen", seen, persistent=False)
        self.seen: Tensor
        self.schedule = CosineSchedule(**(schedule or {}))
        self.motion_dim, self.persona_dim = motion_dim, cond_dim
        self.encoder = build_encoder(fps=fps, **audio)
        self.audio_dim = self.encoder.out_dim
        self.null_audio = nn.Parameter(torch.randn(self.audio_dim) * 0.02)
        self.persona = PersonaAdapter(persona_in, cond_dim)
        self.step = StepEmbedding(cond_dim)
        # Beside the modulations, which start at zero: a speaker's posture is learned much sooner.
        self.posture_in = nn.Linear(cond_dim, width)
        self.motion_in = nn.Linear(motion_dim, width)
        self.audio_in = nn.Linear(self.audio_dim, width)
        self.history_flag = nn.Parameter(torch.zeros(width))
        self.out_modulation = Modulation(width, cond_dim, 2)
        self.out = nn.Linear(width, motion_dim)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    @abstractmethod
    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Mix frames `h` in time under the condition vector `c`."""

    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        """Encode audio to `frames` feature frames and adapt the persona; once per clip."""
        heard = cond.audio is not None or cond.features is not None
        return replace(
            cond,
            audio=self.encoder(cond, frames) if heard else None,
            persona=None if cond.persona is None else self.persona(cond.persona),
            features=None,
        )

    def forward(
        self, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
    ) -> Float[Tensor, "B F D"]:
        """Predict from noisy motion under prepared conditions."""
        h = self.motion_in(z * self.seen) + self.audio_in(self._audio(cond, *z.shape[:2]))
        past = 0
        if cond.history is not None:
            past = cond.history.shape[1]
            silence = self.audio_in(self.null_audio.expand(z.shape[0], past, -1))
            h = torch.cat([self.motion_in(cond.history) + silence + self.history_flag, h], dim=1)
        persona = self.persona.or_null(cond, z.shape[0])
        c = torch.nn.functional.silu(self.step(t) + persona)
        h = self.trunk(h + self.posture_in(persona)[:, None], c)[:, past:]
        shift, scale = self.out_modulation(c)
        return self.out(modulate(h, shift, scale))

    def _audio(self, cond: Conditions, batch: int, frames: int) -> Tensor:
        if cond.audio is None:
            return self.null_audio.expand(batch, frames, -1)
        return keep_or(self.null_audio, cond.audio, cond.audio_keep)
