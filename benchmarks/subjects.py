"""What is measured: anything that turns a clip's audio into motion."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from distill.types import Clip, Recording

BASELINE = "baseline"


@runtime_checkable
class Subject(Protocol):
    """One row of the table.

    Attributes:
        name: Row name: `neutral`, `teacher-16`, `student-2`, ...
        family: Model family, `baseline` for rows without a model.
        steps: Sampler steps; 0 for rows without a sampler.
        backend: `torch`, `onnx-fp32`, `onnx-int8`; empty for rows without a model.
        params: Parameters.
        bytes: Size of the model's files.
        samples: Whether seeds matter; a row that ignores them is measured with one.
        calls: Network calls that its training took, by role; empty where unknown.
    """

    name: str
    family: str
    steps: int
    backend: str
    params: int
    bytes: int
    samples: bool
    calls: dict[str, int]

    def generate(
        self, clip: Clip, recording: Recording, seeds: Sequence[int]
    ) -> Float[np.ndarray, "N F D"]:
        """Return raw motion in rig units, one sequence per seed."""
        ...


@runtime_checkable
class Speaker(Protocol):
    """What is asked of a loaded model: `distill.talker.Talker`, or one like it."""

    @property
    def config(self) -> dict[str, Any]:
        """The artifact's config."""
        ...

    @property
    def params(self) -> int:
        """Number of parameters."""
        ...

    @property
    def bytes(self) -> int:
        """Size of its files."""
        ...

    def persona(self, audio: np.ndarray) -> Any:
        """Return the embedding of who speaks in the audio, or None."""
        ...

    def generate_batch(
        self, audio: np.ndarray, persona: Any, *, seeds: Sequence[int], steps: int | None = None
    ) -> np.ndarray:
        """Return raw motion (N F D), one row per seed."""
        ...


@dataclass(kw_only=True)
class StillSubject:
    """Repeats one frame: the rest face or the training mean.

    Attributes:
        frame: Raw channel values (D).
    """

    name: str
    frame: np.ndarray
    family: str = BASELINE
    steps: int = 0
    backend: str = ""
    params: int = 0
    bytes: int = 0
    samples: bool = False
    calls: dict[str, int] = field(default_factory=dict)

    def generate(
        self, clip: Clip, recording: Recording, seeds: Sequence[int]
    ) -> Float[np.ndarray, "N F D"]:
        """Return the frame, repeated as long as the real motion."""
        frames = clip.frames if recording.motion is None else len(recording.motion)
        return np.broadcast_to(self.frame, (len(seeds), frames, len(self.frame))).copy()


@dataclass(kw_only=True)
class RecordedSubject:
    """The real motion itself: what the metrics say of the data."""

    name: str = "recorded"
    family: str = BASELINE
    steps: int = 0
    backend: str = ""
    params: int = 0
    bytes: int = 0
    samples: bool = False
    calls: dict[str, int] = field(default_factory=dict)

    def generate(
        self, clip: Clip, recording: Recording, seeds: Sequence[int]
    ) -> Float[np.ndarray, "N F D"]:
        """Return the recording's motion.

        Raises:
            ValueError: The recording has none.
        """
        if recording.motion is None:
            raise ValueError(f"clip {clip.id} has no motion")
        return np.stack([recording.motion] * len(seeds))


@dataclass(kw_only=True)
class TalkerSubject:
    """A loaded model at a number of sampler steps, conditioned on nothing but the audio."""

    name: str
    talker: Speaker
    steps: int
    family: str = ""
    backend: str = "torch"
    params: int = 0
    bytes: int = 0
    samples: bool = True
    calls: dict[str, int] = field(default_factory=dict)

    def generate(
        self, clip: Clip, recording: Recording, seeds: Sequence[int]
    ) -> Float[np.ndarray, "N F D"]:
        """Generate from the waveform, all seeds at once; the persona comes from the audio too."""
        persona = self.talker.persona(recording.audio)
        steps = self.steps or None
        return self.talker.generate_batch(recording.audio, persona, seeds=seeds, steps=steps)


def talker_subject(name: str, talker: Speaker, steps: int) -> TalkerSubject:
    """Make a row of a loaded talker; `regression` ignores seeds."""
    modules = talker.config.get("modules", {})
    return TalkerSubject(
        name=name,
        talker=talker,
        steps=steps,
        backend=_backend(talker),
        family=str(modules.get("denoiser", {}).get("family", name.split("-")[0])),
        params=talker.params,
        bytes=talker.bytes,
        samples=not name.startswith("regression"),
        calls=dict(talker.config.get("provenance", {}).get("calls", {})),
    )


def _backend(talker: Speaker) -> str:
    """Say what runs a talker, with the precision of an export."""
    runs_on = getattr(talker, "backend", "torch")
    return f"onnx-{talker.config['onnx']['precision']}" if runs_on == "onnx" else runs_on
