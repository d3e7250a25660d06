"""Typed values that cross package borders.

Shape legend (the same letters everywhere in this repository):
    B batch   F motion frames   S audio samples   A audio features   D motion channels
    E embedding   V vertices
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from distill.units import SAMPLE_RATE_HZ as SAMPLE_RATE_HZ

T = TypeVar("T", bound="Movable")


class Movable:
    """Gives a frozen dataclass a `.to`, which is how Lightning moves batches to the device."""

    __slots__ = ()

    def to(self: T, device: torch.device | str, non_blocking: bool = False) -> T:
        """Return a copy with every tensor (and nested value) moved."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        moved = {
            k: v.to(device, non_blocking=non_blocking) if hasattr(v, "to") else v
            for k, v in moved.items()
        }
        return replace(self, **moved)  # type: ignore[type-var]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions(Movable):
    """Everything a generator may look at besides the noise; `None` means absent (or dropped).

    Raw conditions come from the data: `audio` is a waveform and `persona` the personalizer's
    embedding. `Denoiser.prepare` turns them into prepared conditions, once per clip: `audio`
    becomes per-frame features (B F A), `persona` the model's own personalized embedding and `mean`
    the motion that both let expect.

    Attributes:
        audio: Waveform at 16 kHz (raw) or features aligned with motion frames (prepared).
        features: Features of a frozen encoder, already computed (raw, optional).
        persona: Personalized embedding.
        mean: Motion that the denoiser expects before it sees any noise, normalized (prepared).
        audio_keep: 1 keeps the sample's audio, 0 replaces it by the null condition (raw).
        persona_keep: The same for the persona.
        span: Length in time of the step that is taken, for denoisers that are told.
    """

    audio: Float[Tensor, "B ..."] | None = None
    features: Float[Tensor, "B F A"] | None = None
    persona: Float[Tensor, "B E"] | None = None
    mean: Float[Tensor, "B F D"] | None = None
    audio_keep: Float[Tensor, " B"] | None = None
    persona_keep: Float[Tensor, " B"] | None = None
    span: Float[Tensor, " B"] | None = None

    def rows(self, count: int) -> "Conditions":
        """Return conditions of one row for `count` rows."""
        given = ((f.name, getattr(self, f.name)) for f in fields(self))
        return replace(
            self, **{k: v.expand(count, *v.shape[1:]) for k, v in given if v is not None}
        )

    def repeated(self, count: int) -> "Conditions":
        """Return conditions in which all rows follow each other `count` times."""
        given = ((f.name, getattr(self, f.name)) for f in fields(self))
        return replace(
            self,
            **{k: v.repeat(count, *[1] * (v.ndim - 1)) for k, v in given if v is not None},
        )

    def drop(self, *names: str) -> "Conditions":
        """Return a copy without the named conditions (classifier-free guidance, ablations)."""
        return replace(self, **dict.fromkeys(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Movable):
    """One training batch: motion in model space, its validity mask, labels and conditions.

    `speaker` and `emotion` index the corpus's training speakers and emotions; -1 is unknown. `clip`
    numbers the training clips with motion in corpus order, `start` is the window's first frame.
    """

    motion: Float[Tensor, "B F D"]
    mask: Bool[Tensor, "B F"]
    speaker: Int[Tensor, " B"]
    emotion: Int[Tensor, " B"]
    cond: Conditions
    clip: Int[Tensor, " B"] | None = None
    start: Int[Tensor, " B"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A labelled stretch of a recording (a phone, a word), in seconds."""

    label: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What is known of a recording without opening it.

    Attributes:
        id: Unique within the corpus.
        split: `train`, `val`, `test` or `test_unseen` (speakers never heard in training).
        speaker: Who speaks; empty when unknown.
        emotion: How; empty when unknown.
        frames: Motion frames (0 when the clip has no motion).
        samples: Audio samples at 16 kHz.
        text: What is said; empty when unknown.
        phones: Phones with times, ARPAbet-like lower case; `sil` is silence.
        seed: Seed the clip was made from; 0 for real recordings.
        extra: Whatever else the reader needs to find the recording.
    """

    id: str
    split: str
    speaker: str = ""
    emotion: str = ""
    frames: int = 0
    samples: int = 0
    text: str = ""
    phones: tuple[Interval, ...] = ()
    seed: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An opened clip: audio (S,) float32 at 16 kHz, motion (F D) float32 in rig units or None."""

    audio: np.ndarray
    motion: np.ndarray | None = None
