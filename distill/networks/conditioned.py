"""What every denoiser of this repository shares: how audio, persona, step and noise enter it."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from distill.audio.encoders import build_encoder
from distill.diffusion.filters import causal_kernels, gaussian_kernels, smoothed
from distill.diffusion.parameterization import RESIDUAL, Prediction, expand, gaussian_gain
from distill.diffusion.schedule import build_schedule
from distill.errors import UserError
from distill.layers.blocks import ModulatedConvBlock
from distill.layers.modulation import Modulation, PersonaAdapter, StepEmbedding, keep_or, modulate
from distill.protocols import Denoiser
from distill.types import Conditions

MEAN_BLOCKS, MEAN_KERNEL, MEAN_EXPANSION = 2, 9, 3
LEFT_MEMORY = 0.98
"""Decay of the running mean that `ConditionedDenoiser.left` is."""
LEAST_LEFT = 0.05


class ConditionedDenoiser(Denoiser):
    """A denoiser whose trunk sees frames of (noisy motion + audio) and one condition vector.

    With `prediction=residual` it returns

        x0 = m + g (z - alpha m) + n k sigma / q S F((z - alpha m) / (n q), m, t),

    where m is a mean that sound and persona give (a regression of its own, made once per clip,
    trained first), n the deviation of the noise, k what the mean
    leaves of the motion in units of n (`left`, measured while training), q^2 = (k alpha)^2 +
    sigma^2, g the share that is exact for Gaussian motion (`gaussian_gain`), F the trunk and S a
    filter that keeps what F adds as slow as the data. Otherwise it returns what `Prediction` says.

    Args:
        motion_dim: Channels per motion frame, D.
        fps: Motion frames per second.
        width: Hidden size of the trunk.
        cond_dim: Size of the condition vector (step + persona), also `persona_dim`.
        persona_in: Size of the personalizer's embedding.
        audio: Keyword arguments of `distill.audio.encoders.build_encoder`, but for `fps`.
        prediction: `residual`, or what the output means: `x0`, `eps` or `v`.
        schedule: Name and arguments of the schedule, as `build_schedule` takes them.
        hidden: Channels whose noise the network does not see (an ablation): speech and persona
            alone decide them. Needs `prediction` residual or x0.
        deviation: Deviation of the noise of each channel, n; 1 when absent.
        smoothing: Deviation in frames of the filter S of each channel; absent, there is none.
        span: Length in time of the steps that the network is made for: g belongs to them. 0 is the
            posterior mean that a teacher learns.
        any_span: Whether every call says how far its step goes (`Conditions.span`).
        bounded: Whether nothing may look further ahead than the trunk and the encoder do.

    Raises:
        UserError: All channels are hidden, or some from a network that predicts noise.
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
        prediction: str = RESIDUAL,
        schedule: Mapping[str, Any] | None = None,
        hidden: Sequence[int] = (),
        deviation: Sequence[float] | None = None,
        smoothing: Sequence[float] | None = None,
        span: float = 0.0,
        any_span: bool = False,
        bounded: bool = False,
    ):
        super().__init__()
        self.residual = prediction == RESIDUAL
        self.prediction = Prediction.X0 if self.residual else Prediction(prediction)
        _require_noise(hidden, motion_dim, self.prediction)
        self.hidden, self.span, self.bounded = tuple(hidden), span, bounded
        visible = torch.ones(motion_dim)
        visible[list(hidden)] = 0.0
        n = torch.ones(motion_dim) if deviation is None else torch.tensor(deviation).float()
        for name, values in (("visible", visible), ("deviation", n)):
            self.register_buffer(name, values, persistent=False)
        self.register_buffer("left", torch.ones(motion_dim))
        self.visible: Tensor
        self.deviation: Tensor
        self.left: Tensor
        kernels = torch.ones(1, motion_dim)
        if smoothing is not None and max(smoothing) > 0:
            kernels = (causal_kernels if bounded else gaussian_kernels)(torch.tensor(smoothing))
        self.register_buffer("kernels", kernels, persistent=False)
        self.kernels: Tensor
        self.schedule = build_schedule(schedule)
        self.motion_dim, self.persona_dim = motion_dim, cond_dim
        self.encoder = build_encoder(fps=fps, **audio)
        self.audio_dim = self.encoder.out_dim
        self.null_audio = nn.Parameter(torch.randn(self.audio_dim) * 0.02)
        self.persona = PersonaAdapter(persona_in, cond_dim)
        self.step = StepEmbedding(cond_dim)
        self.stride = StepEmbedding(cond_dim) if any_span else None
        if self.stride is not None:  # a network that is told spans later starts as it was
            last = self.stride.mlp[-1]
            nn.init.zeros_(last.weight)  # pyright: ignore[reportArgumentType]
            nn.init.zeros_(last.bias)  # pyright: ignore[reportArgumentType]
        # Beside the modulations, which start at zero: a speaker's posture is learned much sooner.
        self.posture_in = nn.Linear(cond_dim, width)
        self.motion_in = nn.Linear((2 if self.residual else 1) * motion_dim, width)
        self.audio_in = nn.Linear(self.audio_dim, width)
        self.out_modulation = Modulation(width, cond_dim, 2)
        self.out = nn.Linear(width, motion_dim)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)
        if self.residual:
            self.mean = MeanMotion(self.audio_dim, motion_dim, cond_dim, bounded)

    @abstractmethod
    def trunk(self, h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]) -> Float[Tensor, "B F W"]:
        """Mix frames `h` in time under the condition vector `c`."""

    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        """Encode audio to `frames` feature frames, adapt the persona and say the mean; per clip."""
        return self.expect(self.encode(cond, frames), frames)

    def encode(self, cond: Conditions, frames: int) -> Conditions:
        """Encode audio to `frames` feature frames and adapt the persona."""
        heard = cond.audio is not None or cond.features is not None
        audio = (
            keep_or(self.null_audio, self.encoder(cond, frames), cond.audio_keep) if heard else None
        )
        persona = None
        if cond.persona is not None:
            persona = keep_or(self.persona.null, self.persona(cond.persona), cond.persona_keep)
        return Conditions(audio=audio, persona=persona, span=cond.span)

    def expect(self, cond: Conditions, frames: int) -> Conditions:
        """Add the mean motion that encoded audio and adapted persona let expect."""
        if not self.residual:
            return cond
        rows = next((len(v) for v in (cond.audio, cond.persona) if v is not None), 1)
        audio = self._audio(cond.audio, rows, frames)
        mean = self.mean(audio, self.persona.or_null(cond.persona, rows))
        return replace(cond, mean=self.smooth(mean))

    def forward(
        self, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
    ) -> Float[Tensor, "B F D"]:
        """Predict from noisy motion under prepared conditions."""
        return self.predict(z, t, cond, self.trunk, self.smooth)

    def predict(
        self,
        z: Float[Tensor, "B F D"],
        t: Float[Tensor, " B"],
        cond: Conditions,
        trunk: Callable[[Tensor, Tensor], Tensor],
        smooth: Callable[[Tensor], Tensor],
    ) -> Float[Tensor, "B F D"]:
        """Predict with functions in place of `trunk` and `smooth`: a stream's have a memory."""
        if not self.residual:
            seen = self.visible * z / self.deviation
            out = smooth(self._network(seen, t, cond, trunk))
            return out * self.deviation if self.prediction is Prediction.EPS else out
        assert cond.mean is not None
        mean = cond.mean.to(z.dtype)
        now = self.schedule.alpha_sigma(t)
        span = cond.span if self.stride is not None and cond.span is not None else self.span
        then = self.schedule.alpha_sigma((t - span).clamp(min=0.0))
        alpha, sigma = (expand(c, z) for c in now)
        rest, n = self.visible * (z - alpha * mean), self.deviation
        q = ((self.left * alpha).square() + sigma.square()).sqrt()
        seen = torch.cat([rest / (n * q), mean.expand_as(rest)], dim=-1)
        added = smooth(self._network(seen, t, cond, trunk).to(z.dtype))
        skip = gaussian_gain(now, then, self.left)
        scale = torch.where(self.visible > 0, sigma / q, torch.ones_like(q))
        return mean + skip * rest + n * self.left * scale * added

    def learn(self, what: Literal["all", "conditions", "trunk"]) -> "ConditionedDenoiser":
        """Let all learn, or what depends on neither noise nor step, or the rest."""
        self.requires_grad_(what != "conditions")
        if what != "all":
            for part in self.conditions():
                part.requires_grad_(what == "conditions")
        return self

    def conditions(self) -> list[nn.Module | nn.Parameter]:
        """Return what depends on neither noise nor step."""
        parts: list[nn.Module | nn.Parameter] = [self.encoder, self.persona, self.null_audio]
        return [*parts, self.mean] if self.residual else parts

    def smooth(self, x: Float[Tensor, "B F D"]) -> Float[Tensor, "B F D"]:
        """Keep what the network says as slow as the data."""
        return smoothed(x, self.kernels.to(x.dtype), causal=self.bounded)

    @torch.no_grad()
    def measure_left(
        self,
        motion: Float[Tensor, "B F D"],
        mean: Float[Tensor, "B F D"],
        noise: Float[Tensor, "B F D"],
        mask: Bool[Tensor, "B F"],
        joined: Callable[[Tensor], Tensor],
    ) -> None:
        """Follow how far what the mean leaves of real motion moves, in units of noise, per channel.

        Both are compared inside the same windows, without their offsets there: where a clip rests
        is the mean's to say. `joined` makes sums of this process's rows those of all.
        """
        left, whole = (joined(_moved(values, mask)) for values in (motion - mean, noise))
        now = left / whole.clamp(min=1e-12)
        kept = LEFT_MEMORY * self.left.square() + (1 - LEFT_MEMORY) * now
        self.left.copy_(kept.sqrt().clamp(min=LEAST_LEFT))

    def _network(
        self,
        seen: Tensor,
        t: Tensor,
        cond: Conditions,
        trunk: Callable[[Tensor, Tensor], Tensor],
    ) -> Tensor:
        rows, frames = seen.shape[:2]
        h = self.motion_in(seen) + self.audio_in(self._audio(cond.audio, rows, frames))
        persona = self.persona.or_null(cond.persona, rows)
        steps = self.step(t)
        if self.stride is not None and cond.span is not None:
            steps = steps + self.stride(cond.span)
        c = torch.nn.functional.silu(steps + persona)
        h = trunk(h + self.posture_in(persona)[:, None], c)
        shift, scale = self.out_modulation(c)
        return self.out(modulate(h, shift, scale))

    def _audio(self, audio: Tensor | None, rows: int, frames: int) -> Tensor:
        return self.null_audio.expand(rows, frames, -1) if audio is None else audio


def _moved(values: Float[Tensor, "B F D"], mask: Bool[Tensor, "B F"]) -> Float[Tensor, " D"]:
    """Return the summed squares of each channel about its mean in every window."""
    valid = mask[..., None].to(values)
    offset = (values * valid).sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp(min=1)
    return ((values - offset) * valid).square().sum((0, 1))


class MeanMotion(nn.Module):
    """The motion that sound and persona let expect: a regression beside the denoiser."""

    def __init__(self, width: int, motion_dim: int, cond_dim: int, causal: bool):
        super().__init__()
        right = 0 if causal else MEAN_KERNEL // 2
        self.posture_in = nn.Linear(cond_dim, width)
        self.blocks = nn.ModuleList(
            ModulatedConvBlock(width, MEAN_KERNEL, right, MEAN_EXPANSION, cond_dim)
            for _ in range(MEAN_BLOCKS)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, motion_dim)
        # Straight from the persona: through the blocks a posture takes three times the updates.
        self.posture = nn.Linear(cond_dim, motion_dim)
        nn.init.normal_(self.out.weight, std=0.02)
        for zero in (self.out.bias, self.posture.weight, self.posture.bias):
            nn.init.zeros_(zero)

    def forward(
        self, audio: Float[Tensor, "B F A"], persona: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B F D"]:
        """Return the mean from encoded audio and the adapted persona."""
        return self.of_blocks(audio, persona, lambda h, c: through(self.blocks, h, c))

    def of_blocks(
        self, audio: Tensor, persona: Tensor, run: Callable[[Tensor, Tensor], Tensor]
    ) -> Float[Tensor, "B F D"]:
        """Do the same with `run` in place of the blocks, which a stream gives a memory."""
        c = torch.nn.functional.silu(persona)
        h = run(audio + self.posture_in(persona)[:, None], c)
        return self.out(self.norm(h)) + self.posture(persona)[:, None]


def through(
    blocks: Iterable[nn.Module], h: Float[Tensor, "B F W"], c: Float[Tensor, "B E"]
) -> Float[Tensor, "B F W"]:
    """Run frames through modulated blocks, one after the other."""
    for block in blocks:
        h = block(h, c)
    return h


def _require_noise(hidden: Sequence[int], motion_dim: int, prediction: Prediction) -> None:
    """Refuse a network that no noise reaches, or that predicts noise it does not see.

    Raises:
        UserError: It is such a network.
    """
    if len(set(hidden)) == motion_dim:
        raise UserError(
            f"kwargs.hidden keeps the noise of all {motion_dim} channels from the network, which "
            "leaves no diffusion to distil; use hidden=null"
        )
    if hidden and prediction is not Prediction.X0:
        raise UserError(
            f"prediction={prediction} needs to see all noisy motion, but kwargs.hidden keeps "
            f"{len(hidden)} channels from it; use prediction=residual or hidden=null"
        )
