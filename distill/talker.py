"""A loaded model that turns speech into motion: what `distill.load` returns.

Nothing here needs torch: networks run in an engine, the rest is numpy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from distill.audio.decode import load_audio
from distill.audio.frames import exact_fps, frames_for, sample_at
from distill.engines import Engine, open_engine
from distill.engines.engine import StreamingEngine
from distill.errors import UserError
from distill.face.curves import resample_curves
from distill.feed import generate
from distill.folder import BANK, NOISE, WEIGHTS, find_model, read_config
from distill.noise import MotionNoise
from distill.persona import SILENCE_PEAK, PersonaBank
from distill.stream import MotionStream
from distill.units import SAMPLE_RATE_HZ
from distill.windowing import crossfade, spans

if TYPE_CHECKING:
    import distill.face.space

WINDOW_FRAMES, OVERLAP_FRAMES = 900, 90
MAX_STEPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Who speaks and how: unit-length identity and emotion embeddings."""

    identity: Float[np.ndarray, " E"]
    emotion: Float[np.ndarray, " E"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Animation curves: values (F D) in rig units, channel names, frames per second."""

    values: np.ndarray
    channels: tuple[str, ...]
    fps: float
    rig: str

    def at(self, fps: float, *, samples: int | None = None) -> "Motion":
        """Return this motion at another frame rate, as `resample_curves` makes it.

        `samples` is the length of its audio at 16 kHz, where that is known: no frame begins after
        its end.

        Raises:
            UserError: `fps` is not between 1 and 1000.
        """
        values = resample_curves(self.values, exact_fps(fps) / exact_fps(self.fps))
        if samples is not None:
            values = values[: frames_for(samples, fps)]
        return replace(self, values=values, fps=fps)


@dataclass(frozen=True, kw_only=True)
class Talker:
    """A model with everything it needs to be used: networks, personas, step count.

    Attributes:
        engine: Runs the networks.
        noise: Draws what generation starts from.
        bank: Named personas; None for models without persona.
        config: The folder's config (rig, fps, steps, card data).
        backend: `torch` or `onnx`.
    """

    engine: Engine
    noise: MotionNoise
    bank: PersonaBank | None
    config: dict[str, Any] = field(default_factory=dict)
    backend: str = "torch"

    @property
    def fps(self) -> float:
        """Motion frames per second."""
        return float(self.config["fps"])

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the motion channels."""
        return tuple(self.config["channels"])

    @property
    def rotations(self) -> list[int]:
        """Channels that are no weights of shapes and so are not clamped: `head...`, or all."""
        names, bounded = self.channels, self.config["bounded"]
        return [i for i, name in enumerate(names) if not bounded or name.startswith("head")]

    @property
    def steps(self) -> int:
        """Sampler steps the model was made for."""
        return int(self.config["steps"])

    @property
    def params(self) -> int:
        """Number of parameters, personalizer included."""
        return self.engine.params

    @property
    def bytes(self) -> int:
        """Size of the files it runs from."""
        return self.engine.bytes

    def space(self, rig: str | None = None, **rig_options: Any) -> "distill.face.space.MotionSpace":
        """Return the space of the raw motion made here, on the model's own rig or on another one.

        Args:
            rig: A rig of the same channels, such as `mesh` or `ict` for a model of `arkit`.
            rig_options: As `load_rig` takes them.

        Raises:
            UserError: The rig has other channels, its files are missing, or torch is not installed.
        """
        try:
            from distill.face.rigs import load_rig
            from distill.face.space import MotionSpace
        except ModuleNotFoundError as error:
            raise UserError(
                f"{error.name} is not installed and shaping a face needs it; write .csv or .npz, "
                "or install it"
            ) from error
        own = str(self.config["rig"])
        face = load_rig(rig or own, **rig_options)
        if tuple(face.channels) != self.channels:
            raise UserError(
                f"rig {rig or own!r} does not fit: the model drives the {len(self.channels)} "
                f"channels of rig {own!r}"
            )
        return MotionSpace.identity(face, self.fps)

    def calls(self, steps: int | None = None) -> int:
        """Network calls for one window of audio."""
        return self._checked_steps(steps) * self.engine.calls_per_step

    def embed(self, audio: str | Path | np.ndarray) -> Persona:
        """Embed who speaks and how from a recording (path, or mono float32 at 16 kHz).

        Raises:
            UserError: The model has no personalizer, or the audio cannot be read.
        """
        if self.bank is None:
            raise UserError("this model has no personalizer, so it cannot embed a speaker")
        identity, emotion = self.bank.from_audio(self.engine, _waveform(audio))
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
    ) -> Float[np.ndarray, "1 E"] | None:
        """Return the personalized embedding (1 E) that `generate` conditions on.

        Silence has no speaker: its persona is the average one.
        """
        if self.bank is None:
            if persona is not None or emotion is not None:
                raise UserError("this model has no personas; leave out persona and emotion")
            return None
        source = self._persona_source(audio, persona)
        identity = self.bank.pick(source) if isinstance(source, str) else source.identity
        mood = self.bank.neutral_emotion if isinstance(source, str) else source.emotion
        if emotion is not None:
            mood = self.bank.pick_emotion(emotion)
        return self.bank.persona(self.engine, identity, mood, strength)[None]

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

    def generate_batch(
        self,
        audio: np.ndarray,
        persona: Float[np.ndarray, "1 E"] | None,
        *,
        seeds: Sequence[int],
        steps: int | None = None,
    ) -> np.ndarray:
        """Return raw motion (N F D) of one recording, one row per seed.

        Audio longer than a window is generated window by window and cross-faded.
        """
        steps, channels = self._checked_steps(steps), len(self.channels)
        level = np.float32(self.config["noise"])
        if isinstance(self.engine, StreamingEngine):
            return self.physical(
                generate(
                    self.engine, audio, persona, self.noise, seeds=seeds, level=float(level),
                    fps=self.fps,
                )
            )  # fmt: skip
        frames = frames_for(len(audio), self.fps)
        out = np.empty((len(seeds), frames, channels), np.float32)
        for span in spans(frames, WINDOW_FRAMES, OVERLAP_FRAMES):
            count = span.stop - span.start
            first = sample_at(span.start, self.fps)
            # At most what `count` frames cover, so that engines may derive `count` from it.
            part = audio[first : first + sample_at(count, self.fps)]
            noise = self.noise.draw(seeds, count, start_frame=span.start)
            fresh = self.engine.sample(part, persona, level * noise, steps)
            if span.overlap:
                before = out[:, span.start : span.start + span.overlap]
                fresh[:, : span.overlap] = crossfade(before, fresh[:, : span.overlap])
            out[:, span.start : span.stop] = fresh
        return self.physical(out)

    def physical(self, values: Float[np.ndarray, "... D"]) -> Float[np.ndarray, "... D"]:
        """Clamp blendshape weights to [0, 1]; `rotations` are left as they are."""
        shapes = np.setdiff1d(np.arange(len(self.channels)), self.rotations)
        values[..., shapes] = values[..., shapes].clip(0.0, 1.0)
        return values

    def stream(
        self,
        *,
        persona: str | Path | Persona | None = None,
        emotion: str | None = None,
        strength: float = 1.0,
        seed: int = 0,
    ) -> MotionStream:
        """Open a stream: push audio while somebody speaks, get the frames that are final.

        Arguments are those of `generate`, but for a persona of None, which is the average one:
        whoever will speak has not been heard yet.

        Raises:
            UserError: The model cannot stream, or persona, emotion or strength cannot be used.
        """
        if not isinstance(self.engine, StreamingEngine):
            raise UserError(
                f"model {self.config['name']!r} looks ahead without bounds, so it cannot stream; "
                "load one distilled with student=stream"
            )
        nobody = np.zeros(SAMPLE_RATE_HZ, np.float32)
        return MotionStream(
            engine=self.engine,
            persona=self.persona(nobody, persona, emotion, strength),
            noise=self.noise,
            fps=self.fps,
            seed=seed,
            level=float(self.config["noise"]),
            rotations=self.rotations,
        )

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


def load(folder: str | Path, backend: str = "torch") -> Talker:
    """Load a model folder (`student/`, `teacher/`, a round, an export) for use.

    Args:
        folder: The model folder, or the name of a shipped model, such as `small`.
        backend: `torch`, or `onnx` for an exported folder, which needs no torch.

    Raises:
        UserError: The folder is missing, foreign or corrupt, or lacks what the backend needs.
    """
    folder = find_model(folder)
    config = read_config(folder)
    engine = open_engine(folder, config, backend)
    bank = (
        PersonaBank.from_state(_arrays(folder, BANK, "tensor.bank."), config["bank"])
        if "bank" in config
        else None
    )
    noise = MotionNoise(_arrays(folder, NOISE, "tensor.noise")["noise"])
    return Talker(engine=engine, noise=noise, bank=bank, config=config, backend=backend)


def _arrays(folder: Path, kept: str, start: str) -> dict[str, np.ndarray]:
    """Read arrays whose names start so, from the weights or from the file an export keeps."""
    from safetensors import SafetensorError, safe_open

    path = folder / (kept if (folder / kept).is_file() else WEIGHTS)
    try:
        with safe_open(str(path), framework="np") as file:
            names = [n for n in file.keys() if n.startswith(start)]  # noqa: SIM118
            return {name.rpartition(".")[2]: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise UserError(f"{path} is not a complete safetensors file: {error}") from error
