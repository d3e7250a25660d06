"""What every metric here shares: its published description and sums that merge across processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from distill.face.space import MotionSpace
from distill.types import Interval

if TYPE_CHECKING:
    from benchmarks.windows import WindowSpace

Better = Literal["lower", "higher", "zero", "one", "recorded"]
Repeats = Literal["seed", "pair", "samples"]
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
        better: Which way is better: `zero` and `one` mean closer to that number, `recorded` closer
            to what recorded motion gives.
        origin: The code or paper the definition follows.
        repeats: What is repeated for the spread: each `seed`, or each `pair` of seeds; `samples`
            is one number from all samples of every clip, without a spread.
    """

    id: str
    formula: str
    unit: str
    region: str
    pooling: str
    better: Better
    origin: str
    repeats: Repeats = "seed"

    def of(self, part: str) -> "MetricSpec":
        """Return the spec of one part of the face; `{part}` stands for it in the texts."""
        texts = {name: getattr(self, name).replace("{part}", part) for name in ("id", "region")}
        return replace(self, **texts)


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
        space: The motion space; its `std` is the unit of normalized motion.
        parts: Channels of each part of the face that move inside clips of training truth.
        windows: Coordinates of one-second windows fitted on training truth, by `all`, `upper`,
            `velocity`.
    """

    neutral: Float[Tensor, "V 3"]
    lips: Int[Tensor, " L"]
    upper: Int[Tensor, " U"]
    lip_pairs: Int[Tensor, "P 2"]
    unit: str = "mm"
    fps: float = 30.0
    classifiers: Mapping[str, "PersonaLabeller"] = field(default_factory=dict)
    space: MotionSpace | None = None
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    windows: Mapping[str, "WindowSpace"] = field(default_factory=dict)

    @property
    def scale(self) -> Float[np.ndarray, " D"]:
        """Deviation of each channel over training truth: one unit of normalized motion."""
        if self.space is None:
            raise ValueError("this metric needs the motion space")
        return self.space.std.double().cpu().numpy()


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
        truth: Real motion (F D) in rig units.
        samples: All generated motions of this clip (N F D), this one among them; a row that
            ignores seeds has one.
        teacher_samples: The teacher's motions (N F D) from the same seeds; None where there is no
            teacher, for the teacher itself and for rows without a model.
        neighbour_distance: Distance of each true window to the nearest true window of another clip
            of the split, in the coordinates `all`.
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
    truth: np.ndarray | None = None
    samples: np.ndarray | None = None
    teacher_samples: np.ndarray | None = None
    neighbour_distance: np.ndarray | None = None
    shared: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return what `compute` gave the first time a name was asked for."""
        if name not in self.shared:
            self.shared[name] = compute()
        return self.shared[name]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One printed number: what it means, and what makes its metric for a rig and corpus."""

    spec: MetricSpec
    build: Callable[[FaceContext], "FaceMetric | None"]


class FaceMetric(Metric):
    """A mean whose numerator and denominator are float64 sums, so that processes merge exactly.

    Subclasses add to the sums in `update`; `observe` picks what they need from an observation and
    `build` makes one from a context (None when the context lacks what the metric needs). A class
    with several numbers, such as one per part of the face, says so in `measures`.
    """

    spec: ClassVar[MetricSpec]
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, sums: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.add_sum("total", sums)
        self.add_sum("count", ())

    @classmethod
    def measures(cls) -> list[Measure]:
        """Return what this class measures: by default one number."""
        return [Measure(spec=cls.spec, build=cls.build)]

    @classmethod
    def build(cls, context: FaceContext) -> "FaceMetric | None":
        """Make the metric for a rig and corpus; None when it cannot be measured there."""
        raise NotImplementedError

    def observe(self, seen: Observation) -> None:
        """Update from an observation."""
        raise NotImplementedError

    def add_sum(self, name: str, shape: tuple[int, ...]) -> None:
        """Add a state that is a float64 sum over what was seen."""
        zero = torch.zeros(shape, dtype=torch.float64)
        self.add_state(name, default=zero, dist_reduce_fx="sum")

    def add(self, total: Tensor | np.ndarray | float, count: int) -> None:
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
