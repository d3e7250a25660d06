"""What the harness may ask of a model family. A family implements only what it can do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from distill.diffusion.parameterization import Prediction
from distill.diffusion.schedule import Schedule
from distill.types import Clip, Conditions, Recording


class AudioEncoder(nn.Module, ABC):
    """Turns audio into features aligned with motion frames.

    Attributes:
        out_dim: Features per frame, A.
        lookahead_frames: Future frames a feature depends on; None when unbounded.
    """

    out_dim: int
    lookahead_frames: int | None

    @abstractmethod
    def forward(self, cond: Conditions, frames: int) -> Float[Tensor, "B F A"]:
        """Encode raw conditions (`cond.audio` waveform, or `cond.features`) to `frames` frames."""


class Denoiser(nn.Module, ABC):
    """A network that predicts from noisy motion, and so can be distilled by step halving.

    Attributes:
        prediction: What the output means (x0, eps or v).
        schedule: Noise schedule the network is trained under.
        motion_dim: Channels per motion frame, D.
        audio_dim: Features per frame after `prepare`, A.
        persona_dim: Size of the personalized embedding after `prepare`.
        hidden: Channels of the noisy motion that do not reach the network.
    """

    prediction: Prediction
    schedule: Schedule
    motion_dim: int
    audio_dim: int
    persona_dim: int
    hidden: tuple[int, ...] = ()

    @abstractmethod
    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        """Compute, once per clip, all that depends on neither noise nor step.

        Takes raw conditions; returns prepared ones (audio features (B F A), persona (B E), and
        for denoisers that have one the mean motion (B F D)).
        """

    def expect(self, cond: Conditions, frames: int) -> Conditions:
        """Add to prepared audio and persona what follows from both; `prepare` does so too."""
        return cond

    @abstractmethod
    def forward(
        self, z: Float[Tensor, "B F D"], t: Float[Tensor, " B"], cond: Conditions
    ) -> Float[Tensor, "B F D"]:
        """Predict from noisy motion `z` at time `t` in [0, 1] under prepared conditions."""


class CausalDenoiser(Denoiser):
    """A denoiser that can stream: frame k of its output depends on the sound up to the windows of
    frame k + shift and on frames up to k of noisy motion.

    Over a whole clip it is called as any other; a stream calls `hear` and then, at every sampler
    step, `denoise`, for a few frames at a time. Both give the same.

    Attributes:
        block_frames: Frames that a stream makes at a time, K.
        shift_frames: Frames by which hearing is ahead of motion. Negative where motion waits.
    """

    encoder: AudioEncoder
    block_frames: int
    shift_frames: int

    @property
    def early_frames(self) -> int:
        """Frames that a stream hears before motion begins, whole calls of `block_frames`.

        Motion and its memory therefore begin at the start of a call.
        """
        return -(-max(self.shift_frames, 0) // self.block_frames) * self.block_frames

    @abstractmethod
    def initial_state(self, rows: int, steps: int) -> tuple[Tensor, ...]:
        """Return the memory of a stream that has heard nothing, of constant size, rows first.

        First what `hear` remembers as one or more tensors, then one tensor per sampler step.
        """

    @abstractmethod
    def hear(
        self,
        windows: Float[Tensor, "B N L"],
        persona: Float[Tensor, "B E"] | None,
        state: tuple[Tensor, ...],
    ) -> tuple[Conditions, tuple[Tensor, ...]]:
        """Hear the windows of the next frames: returns their prepared conditions and the memory.

        Takes the raw persona. Conditions are those that `prepare` gives to frames `shift_frames`
        earlier.
        """

    @abstractmethod
    def denoise(
        self,
        z: Float[Tensor, "B K D"],
        t: Float[Tensor, " B"],
        cond: Conditions,
        state: Tensor,
    ) -> tuple[Float[Tensor, "B K D"], Tensor]:
        """Return what `forward` returns for the next frames, and the memory of this step."""


@runtime_checkable
class Generator(Protocol):
    """Anything that turns raw conditions into normalized motion."""

    def generate(
        self, cond: Conditions, *, frames: int, seeds: Sequence[int]
    ) -> Float[Tensor, "B F D"]:
        """Return a clip per seed; sample i depends on seed i only."""
        ...


class PersonaEmbedder(nn.Module, ABC):
    """Embeds who speaks and how, from audio alone, and fuses both into one persona.

    Attributes:
        embed_dim: Size E of identity, emotion and persona embeddings.
    """

    embed_dim: int

    @abstractmethod
    def embed(
        self, audio: Float[Tensor, "B S"], samples: Int[Tensor, " B"] | None = None
    ) -> tuple[Float[Tensor, "B E"], Float[Tensor, "B E"]]:
        """Return unit-length (identity, emotion) embeddings; `samples` are valid lengths."""

    @abstractmethod
    def fuse(
        self, identity: Float[Tensor, "B E"], emotion: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B E"]:
        """Return the personalized embedding."""


@runtime_checkable
class MotionStream(Protocol):
    """A running stream: push audio, get the frames that are final."""

    latency_frames: int

    def push(self, audio: Float[Tensor, "B N A"]) -> Float[Tensor, "B M D"]:
        """Consume a chunk of any length; return zero or more finished frames."""
        ...

    def flush(self) -> Float[Tensor, "B M D"]:
        """Return the frames still held back by look-ahead."""
        ...


@runtime_checkable
class Codec(Protocol):
    """Motion to discrete codes and back (codebook families)."""

    def encode(self, motion: Float[Tensor, "B F D"]) -> Int[Tensor, "B N"]:
        """Return code indices."""
        ...

    def decode(self, codes: Int[Tensor, "B N"]) -> Float[Tensor, "B F D"]:
        """Return motion."""
        ...


@runtime_checkable
class Rig(Protocol):
    """A face whose shape follows motion channels; all lengths in `units` (mm for heads).

    Attributes:
        name: `arkit`, `ict`, ...
        channels: Names of the D motion channels.
        groups: Channel indices of `mouth`, `upper` and `head` (disjoint, together all D).
        neutral: Face at rest (V 3).
        triangles: Vertex indices (T 3).
        lips: Indices of the lip vertices that lip error is measured on.
        upper: Indices of eyes-and-forehead vertices.
        lip_pairs: Inner upper and lower lip vertices that face each other (P 2).
    """

    @property
    def name(self) -> str:
        """Which rig this is."""
        ...

    @property
    def units(self) -> str:
        """Unit of length of its vertices."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the D motion channels."""
        ...

    @property
    def groups(self) -> Mapping[str, Int[Tensor, " N"]]:
        """Channel indices by group."""
        ...

    @property
    def neutral(self) -> Float[Tensor, "V 3"]:
        """Face at rest."""
        ...

    @property
    def triangles(self) -> Int[Tensor, "T 3"]:
        """Vertex indices of the surface."""
        ...

    @property
    def lips(self) -> Int[Tensor, " L"]:
        """Vertices of lip error."""
        ...

    @property
    def upper(self) -> Int[Tensor, " U"]:
        """Vertices of upper-face error."""
        ...

    @property
    def lip_pairs(self) -> Int[Tensor, "P 2"]:
        """Facing inner-lip vertices."""
        ...

    def to_vertices(
        self, motion: Float[Tensor, "... D"], vertices: Int[Tensor, " N"] | None = None
    ) -> Float[Tensor, "... V 3"]:
        """Shape the face in the head's own frame (head rotation not applied), differentiably.

        `vertices` restricts the result to those indices.
        """
        ...


@runtime_checkable
class Corpus(Protocol):
    """A list of clips and the reader that opens one.

    Attributes:
        name: `synthetic`, `facegood`, ...
        rig: Name of the rig its motion drives.
        channels: Channel names of its motion, in order.
        fps: Motion frames per second.
        clips: Every clip of every split.
        content_hash: Changes when the data changes.
    """

    @property
    def name(self) -> str:
        """Which corpus this is."""
        ...

    @property
    def rig(self) -> str:
        """Name of the rig."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel names."""
        ...

    @property
    def fps(self) -> float:
        """Motion frames per second."""
        ...

    @property
    def clips(self) -> Sequence[Clip]:
        """All clips."""
        ...

    @property
    def content_hash(self) -> str:
        """Hash of the data."""
        ...

    def read(self, clip: Clip) -> Recording:
        """Open a clip."""
        ...
