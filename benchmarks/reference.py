"""What real motion says before anything is generated: lip ranges and persona classifiers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.metrics.base import FaceContext, PersonaLabeller
from benchmarks.metrics.persona import PersonaClassifier
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.types import Clip

MAX_CLIPS = 1500
RANGE_PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Facts about the real recordings that metrics compare with.

    Attributes:
        gap_ranges_mm: Closed and open lip gap (1st and 99th percentile) by speaker; the key ""
            pools all speakers.
        classifiers: Persona classifiers fitted on the training split.
    """

    gap_ranges_mm: Mapping[str, tuple[float, float]]
    classifiers: Mapping[str, PersonaLabeller] = field(default_factory=dict)

    def gap_range_mm(self, speaker: str) -> tuple[float, float]:
        """Return a speaker's range, or everybody's for a speaker never seen."""
        return self.gap_ranges_mm.get(speaker, self.gap_ranges_mm[""])


def build_reference(
    corpus: Corpus, space: MotionSpace, *, splits: Sequence[str], max_clips: int = MAX_CLIPS
) -> Reference:
    """Read real motion of the training and measured splits, at most `max_clips` of training."""
    training = [clip for clip in corpus.clips if clip.split == "train" and clip.frames]
    training = training[:: max(1, -(-len(training) // max_clips))]
    measured = [clip for clip in corpus.clips if clip.split in splits and clip.frames]
    gaps: dict[str, list[np.ndarray]] = defaultdict(list)
    kept: list[tuple[Clip, np.ndarray]] = []
    for number, clip in enumerate([*training, *measured]):
        motion = corpus.read(clip).motion
        if motion is None:
            continue
        gap = lip_gap_mm(space, motion)
        gaps[clip.speaker].append(gap)
        if number < len(training):
            kept.append((clip, motion))
    motions = [motion for _, motion in kept]
    labels = {
        "identity": [clip.speaker for clip, _ in kept],
        "emotion": [clip.emotion for clip, _ in kept],
    }
    fitted = {kind: PersonaClassifier.fit(motions, names) for kind, names in labels.items()}
    return Reference(
        gap_ranges_mm=_ranges(gaps),
        classifiers={kind: model for kind, model in fitted.items() if model is not None},
    )


def face_context(space: MotionSpace, reference: Reference) -> FaceContext:
    """Gather what metrics need to know of the rig and the data."""
    rig = space.rig
    return FaceContext(
        neutral=rig.neutral,
        lips=rig.lips,
        upper=rig.upper,
        lip_pairs=rig.lip_pairs,
        unit=rig.units,
        fps=space.fps,
        classifiers=reference.classifiers,
    )


def lip_gap_mm(space: MotionSpace, motion: np.ndarray) -> np.ndarray:
    """Return the lip gap per frame (F) of raw motion (F D)."""
    return space.lip_gap_mm(torch.from_numpy(np.asarray(motion, np.float32))).double().numpy()


def _ranges(gaps: Mapping[str, list[np.ndarray]]) -> dict[str, tuple[float, float]]:
    parts = {**gaps, "": [gap for many in gaps.values() for gap in many]}
    ranges = {}
    for speaker, many in parts.items():
        if many:
            low, high = np.percentile(np.concatenate(many), RANGE_PERCENTILES)
            ranges[speaker] = (float(low), float(high))
    return ranges
