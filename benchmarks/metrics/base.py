"""What every metric here shares: its published description and sums that merge across processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from distill.types import Interval

Better = Literal["lower", "higher", "zero"]
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """What a printed number of this metric means.

    Attributes:
        id: Formula id, the key in `results.json`.
        formula: The formula in plain text.
        unit: Unit; `{u}` stands for the rig's length unit.
        region: What part of the face it looks at.
        pooling: How frames and sequences are averaged.
        better: Which way is better; `zero` means closer to zero.
        origin: The code or paper the definition follows.
        repeats: What is repeated for the spread: each `seed`, or each `pair` of seeds.
    """

    id: str
    formula: str
    unit: str
    region: str
    pooling: str
    better: Better
    origin: str
    repeats: Literal["seed", "pair"] = "seed"


@dataclass(frozen=True, kw_only=True)
class FaceContext:
    """What metrics know before they see any motion.

    Attributes:
        neutral: Face at rest (V 3).
        lips: Lip vertices.
        upper: Eyes-and-forehead vertices.
        lip_pairs: Facing inner lip vertices (P 2).
        unit: Length unit of the vertices.
        fps: Motion frames per second.
        classifiers: Persona classifiers fitted on real training motion, by `identity`, `emotion`.
    """

    neutral: Float[Tensor, "V 3"]
    lips: Int[Tensor, " L"]
    upper: Int[Tensor, " U"]
    lip_pairs: Int[Tensor, "P 2"]
    unit: str = "mm"
    fps: float = 30.0
    classifiers: Mapping[str, "PersonaLabeller"] = field(default_factory=dict)


class PersonaLabeller:
    """Guesses a label from motion; see `persona.PersonaClassifier`."""

    labels: tuple[str, ...] = ()

    def predict(self, motion: np.ndarray) -> str:
        """Return the label the motion (F D) looks most like."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One generated sequence beside the real one, in every form a metric may ask for.

    Attributes:
        pred: Generated vertices (F V 3).
        target: Real vertices.
        other: Vertices of another seed for the same audio, for metrics over pairs.
        motion: Generated motion (F D) in rig units.
        lip_gap_mm: Gap between the generated lips per frame, in the rig's unit.
        audio: Waveform at 16 kHz.
        phones: Phones with times.
        gap_range_mm: Lip gap of this speaker's real motion, closed and open.
        labels: What the persona classifiers should say, by `identity`, `emotion`.
        shared: Results that metrics of one family leave for each other.
    """

    pred: Tensor
    target: Tensor
    motion: np.ndarray
    lip_gap_mm: np.ndarray
    audio: np.ndarray
    other: Tensor | None = None
    phones: tuple[Interval, ...] = ()
    gap_range_mm: tuple[float, float] = (0.0, 1.0)
    labels: Mapping[str, str] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return what `compute` gave the first time a name was asked for."""
        if name not in self.shared:
            self.shared[name] = compute()
        return self.shared[name]


class FaceMetric(Metric):
    """A mean whose numerator and denominator are float64 sums, so that processes merge exactly.

    Subclasses add to the sums in `update`; `observe` picks what they need from an observation and
    `build` makes one from a context (None when the context lacks what the metric needs).
    """

    spec: ClassVar[MetricSpec]
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "count"):
            zero = torch.zeros((), dtype=torch.float64)
            self.add_state(name, default=zero, dist_reduce_fx="sum")

    @classmethod
    def build(cls, context: FaceContext) -> "FaceMetric | None":
        """Make the metric for a rig and corpus; None when it cannot be measured there."""
        raise NotImplementedError

    def observe(self, seen: Observation) -> None:
        """Update from an observation."""
        raise NotImplementedError

    def add(self, total: Tensor | float, count: int) -> None:
        """Add to numerator and denominator."""
        self.total = self.total + torch.as_tensor(total, dtype=torch.float64).to(self.total.device)
        self.count = self.count + count

    def compute(self) -> Float[Tensor, ""]:
        """Return the mean, NaN when nothing was seen."""
        return self.total / self.count


def same_length(
    pred: Float[Tensor, "T V 3"], target: Float[Tensor, "F V 3"]
) -> tuple[Float[Tensor, "M V 3"], Float[Tensor, "M V 3"]]:
    """Cut both sequences to the shorter one, as the published evaluation codes do.

    Raises:
        ValueError: One of them has no frames or the vertex counts differ.
    """
    frames = min(len(pred), len(target))
    if frames == 0 or pred.shape[1:] != target.shape[1:]:
        raise ValueError(f"cannot compare {tuple(pred.shape)} with {tuple(target.shape)}")
    return pred[:frames], target[:frames]


def take(vertices: Float[Tensor, "T V 3"], region: Int[Tensor, " N"]) -> Float[Tensor, "T N 3"]:
    """Return the vertices of a region in float64."""
    return vertices.index_select(1, region).double()


def squared_distance(a: Float[Tensor, "... 3"], b: Float[Tensor, "... 3"]) -> Float[Tensor, "..."]:
    """Squared Euclidean distance per vertex, in the wider precision of the two.

    Written out per axis: a sum over an axis of length 3 is several times slower.
    """
    x, y, z = (a - b).unbind(-1)
    return x * x + y * y + z * z


def total_distance(
    a: Float[Tensor, "T V 3"], b: Float[Tensor, "T V 3"], chunk_frames: int = 32
) -> Float[Tensor, ""]:
    """Sum of Euclidean distances over frames and vertices in float64, by chunks that fit caches."""
    pairs = zip(a.split(chunk_frames), b.split(chunk_frames), strict=True)
    sums = [squared_distance(x, y).sqrt().sum(dtype=torch.float64) for x, y in pairs]
    return torch.stack(sums).sum()
