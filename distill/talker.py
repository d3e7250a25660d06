"""A loaded model that turns speech into motion: what `distill.load` returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from distill.artifact import WEIGHTS, load_artifact
from distill.audio.decode import load_audio
from distill.audio.frames import frames_for, sample_at
from distill.diffusion.guidance import GuidedDenoiser
from distill.diffusion.sampling import ddim_sample, seeded_noise
from distill.diffusion.schedule import step_grid
from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.persona import SILENCE_PEAK, PersonaBank
from distill.protocols import Denoiser, PersonaEmbedder
from distill.types import Conditions
from distill.windowing import crossfade, spans

WINDOW_FRAMES, OVERLAP_FRAMES = 900, 90
MAX_STEPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Who speaks and how: unit-length identity and emotion embeddings."""

    identity: Float[Tensor, " E"]
    emotion: Float[Tensor, " E"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Animation curves: values (F D) in rig units, channel names, frames per second."""

    values: np.ndarray
    channels: tuple[str, ...]
    fps: float
    rig: str


@dataclass(frozen=True, kw_only=True)
class Talker:
    """A denoiser with everything it needs to be used: normalization, personas, step count.

    Attributes:
        denoiser: The network, in eval mode.
        embedder: Embeds who speaks and how, from audio; None for models without persona.
        bank: Named personas; None for models without persona.
        mean: Mean of each motion channel.
        std: Deviation of each motion channel.
        config: The artifact's config (rig, fps, steps, card data).
        folder: Where it was loaded from.
    """

    denoiser: Denoiser
    embedder: PersonaEmbedder | None
    bank: PersonaBank | None
    mean: Float[Tensor, " D"]
    std: Float[Tensor, " D"]
    config: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def fps(self) -> float:
        """Motion frames per second."""
        return float(self.config["fps"])

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the motion channels."""
        return tuple(self.config["channels"])

    @property
    def steps(self) -> int:
        """Sampler steps the model was made for."""
        return int(self.config["steps"])

    @property
    def params(self) -> int:
        """Number of parameters, personalizer included."""
        modules = [self.denoiser] + ([self.embedder] if self.embedder else [])
        return sum(p.numel() for module in modules for p in module.parameters())

    @property
    def bytes(self) -> int:
        """Size of the weights file."""
        return (self.folder / WEIGHTS).stat().st_size if self.folder else 0

    def space(self, **rig_options: Any) -> MotionSpace:
        """Return the motion space with its rig loaded (`rig_options` as `load_rig` takes)."""
        rig = load_rig(str(self.config["rig"]), **rig_options)
        return MotionSpace(rig, self.fps, self.mean, self.std)

    def calls(self, steps: int | None = None) -> int:
        """Network calls for one window of audio."""
        guided = 2 if isinstance(self.denoiser, GuidedDenoiser) else 1
        return self._checked_steps(steps) * guided

    def embed(self, audio: str | Path | np.ndarray) -> Persona:
        """Embed who speaks and how from a recording (path, or mono float32 at 16 kHz).

        Raises:
            UserError: The model has no personalizer, or the audio cannot be read.
        """
        if self.embedder is None or self.bank is None:
            raise UserError("this model has no personalizer, so it cannot embed a speaker")
        identity, emotion = self.bank.from_audio(self.embedder, _waveform(audio))
        return Persona(identity=identity, emotion=emotion)

    def generate(
        self,
        audio: str | Path | np.ndarray,
        *,
        persona: str | Path | Persona | None = None,
        emotion: str | None = None,
        strength: float = 1.0,
        steps: int | None = None,
        seed: int = 0,
    ) -> Motion:
        """Turn speech into motion.

        Args:
            audio: Path of a recording, or mono float32 samples at 16 kHz.
            persona: Name in the bank, path of a recording to take the speaker from, or an
                embedded persona; None takes the speaker from `audio` itself.
            emotion: Name in the bank; None takes it from the persona's recording.
            strength: 0 is the average style, 1 the persona as it is, above 1 exaggerates.
            steps: Sampler steps; None is what the model was made for.
            seed: Seed of the motion that speech leaves open.

        Raises:
            UserError: Audio, persona, emotion, strength or steps cannot be used.
        """
        samples = _waveform(audio)
        embedding = self.persona(samples, persona, emotion, strength)
        values = self.generate_batch(samples, embedding, seeds=(seed,), steps=steps)[0]
        return Motion(values=values, channels=self.channels, fps=self.fps, rig=self.config["rig"])

    def persona(
        self,
        audio: np.ndarray,
        persona: str | Path | Persona | None = None,
        emotion: str | None = None,
        strength: float = 1.0,
    ) -> Tensor | None:
        """Return the personalized embedding (1 E) that `generate` conditions on.

        Silence has no speaker: its persona is the average one.
        """
        if self.embedder is None or self.bank is None:
            if persona is not None or emotion is not None:
                raise UserError("this model has no personas; leave out persona and emotion")
            return None
        source = self._persona_source(audio, persona)
        identity = self.bank.pick(source) if isinstance(source, str) else source.identity
        mood = self.bank.neutral_emotion if isinstance(source, str) else source.emotion
        if emotion is not None:
            mood = self.bank.pick_emotion(emotion)
        return self.bank.persona(self.embedder, identity, mood, strength)[None]

    def _persona_source(
        self, audio: np.ndarray, persona: str | Path | Persona | None
    ) -> str | Persona:
        if isinstance(persona, Persona):
            return persona
        if persona is None:
            if np.abs(audio).max() > SILENCE_PEAK:
                return self.embed(audio)
            assert self.bank is not None
            return Persona(identity=self.bank.average_identity, emotion=self.bank.neutral_emotion)
        return self.embed(persona) if Path(persona).is_file() else str(persona)

    @torch.no_grad()
    def generate_batch(
        self,
        audio: np.ndarray,
        persona: Tensor | None,
        *,
        seeds: Sequence[int],
        steps: int | None = None,
    ) -> np.ndarray:
        """Return raw motion (N F D) of one recording, one row per seed.

        Audio longer than a window is generated window by window and cross-faded.
        """
        grid = step_grid(self._checked_steps(steps))
        frames = frames_for(len(audio), self.fps)
        out = np.empty((len(seeds), frames, len(self.channels)), np.float32)
        for span in spans(frames, WINDOW_FRAMES, OVERLAP_FRAMES):
            part = audio[sample_at(span.start, self.fps) : sample_at(span.stop, self.fps)]
            z = self._window(part, persona, seeds, span.start, span.stop - span.start, grid)
            fresh = z * self.std + self.mean
            if span.overlap:
                before = torch.from_numpy(out[:, span.start : span.start + span.overlap])
                fresh[:, : span.overlap] = crossfade(before, fresh[:, : span.overlap])
            out[:, span.start : span.stop] = fresh.cpu().numpy()
        return self.physical(out)

    def _window(
        self,
        audio: np.ndarray,
        persona: Tensor | None,
        seeds: Sequence[int],
        start: int,
        frames: int,
        grid: Sequence[tuple[float, float]],
    ) -> Tensor:
        waveform = torch.from_numpy(np.ascontiguousarray(audio, np.float32))[None]
        cond = self.denoiser.prepare(Conditions(audio=waveform, persona=persona), frames)
        count = len(seeds)
        expand = [
            None if v is None else v.expand(count, *v.shape[1:]) for v in (cond.audio, cond.persona)
        ]
        cond = Conditions(audio=expand[0], persona=expand[1])
        noise = seeded_noise(seeds, frames, len(self.channels), start_frame=start)
        return ddim_sample(self.denoiser, noise * float(self.config["noise"]), cond, grid)

    def physical(self, values: Float[np.ndarray, "... D"]) -> Float[np.ndarray, "... D"]:
        """Clamp blendshape weights to [0, 1]; rotations (`head...`) are left as they are."""
        if self.config["bounded"]:
            shapes = [i for i, name in enumerate(self.channels) if not name.startswith("head")]
            values[..., shapes] = values[..., shapes].clip(0.0, 1.0)
        return values

    def _checked_steps(self, steps: int | None) -> int:
        if steps is None or steps == self.steps:
            return self.steps
        if not 1 <= steps <= MAX_STEPS:
            raise UserError(f"steps={steps} is not between 1 and {MAX_STEPS}")
        if not self.config["any_steps"]:
            raise UserError(
                f"this student was distilled for {self.steps} step(s), not {steps}; leave out "
                "--steps or load the round of its run that has them"
            )
        return steps


def _waveform(audio: str | Path | np.ndarray) -> np.ndarray:
    if isinstance(audio, np.ndarray):
        if audio.ndim != 1 or not len(audio):
            raise UserError(f"audio of shape {audio.shape} is not mono; pass (S,) at 16 kHz")
        return audio
    return load_audio(audio)


def load(folder: str | Path) -> Talker:
    """Load a model folder (`student/`, `teacher/`, a round) for use.

    Raises:
        UserError: The folder is missing, foreign or corrupt.
    """
    opened = load_artifact(Path(folder))
    config = opened.config
    denoiser = cast(Denoiser, opened.modules["denoiser"])
    if config.get("guidance", 1.0) != 1.0:
        denoiser = GuidedDenoiser(denoiser, config["guidance"])
    bank = (
        PersonaBank.from_state(
            {k[5:]: v for k, v in opened.tensors.items() if k.startswith("bank.")}, config["bank"]
        )
        if "bank" in config
        else None
    )
    return Talker(
        denoiser=denoiser.eval(),
        embedder=cast(PersonaEmbedder | None, opened.modules.get("embedder")),
        bank=bank,
        mean=opened.tensors["mean"],
        std=opened.tensors["std"],
        config=config,
        folder=opened.folder,
    )
