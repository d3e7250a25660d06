"""What real motion says before anything is generated: ranges, classifiers, parts, windows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.metrics.base import FaceContext, PersonaLabeller
from benchmarks.metrics.persona import PersonaClassifier
from benchmarks.windows import WindowSpace, nearest_distance
from distill.face.parts import motion_parts
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.types import Clip

MAX_CLIPS = 1500
RANGE_PERCENTILES = (1.0, 99.0)
LEAST_MOVEMENT = 0.1
"""Channels that deviate less than this inside a clip, in normalized units, do not move."""
LEAST_FRAMES = 3


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Facts about the real recordings that metrics compare with.

    Attributes:
        gap_ranges_mm: Closed and open lip gap (1st and 99th percentile) by speaker; the key ""
            pools all speakers.
        classifiers: Persona classifiers fitted on the training split.
        parts: Channels of each part that move inside training clips; parts without any are left
            out.
        windows: Coordinates of windows fitted on the training split: `all` moving channels,
            `upper` all but the mouth's, `velocity` of these (of all where only the mouth moves).
        true_windows: Windows of the measured splits in the coordinates `all`, by split and clip.
    """

    gap_ranges_mm: Mapping[str, tuple[float, float]]
    classifiers: Mapping[str, PersonaLabeller] = field(default_factory=dict)
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    windows: Mapping[str, WindowSpace] = field(default_factory=dict)
    true_windows: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def gap_range_mm(self, speaker: str) -> tuple[float, float]:
        """Return a speaker's range, or everybody's for a speaker never seen."""
        return self.gap_ranges_mm.get(speaker, self.gap_ranges_mm[""])

    def neighbour_distance(self, clip: Clip) -> np.ndarray | None:
        """Return how far each window of a measured clip is from the split's other clips."""
        of_split = self.true_windows.get(clip.split, {})
        if clip.id not in of_split:
            return None
        others = [windows for name, windows in of_split.items() if name != clip.id]
        own = of_split[clip.id]
        return nearest_distance(own, np.concatenate(others) if others else own[:0])


def build_reference(
    corpus: Corpus, space: MotionSpace, *, splits: Sequence[str], max_clips: int = MAX_CLIPS
) -> Reference:
    """Read real motion of the training and measured splits, at most `max_clips` of training."""
    training = [clip for clip in corpus.clips if clip.split == "train" and clip.frames]
    training = training[:: max(1, -(-len(training) // max_clips))]
    measured = [clip for clip in corpus.clips if clip.split in splits and clip.frames]
    gaps: dict[str, list[np.ndarray]] = defaultdict(list)
    kept: list[tuple[Clip, np.ndarray]] = []
    true: list[tuple[Clip, np.ndarray]] = []
    for number, clip in enumerate([*training, *measured]):
        motion = corpus.read(clip).motion
        if motion is None:
            continue
        gap = lip_gap_mm(space, motion)
        gaps[clip.speaker].append(gap)
        (kept if number < len(training) else true).append((clip, motion))
    motions = [motion for _, motion in kept]
    labels = {
        "identity": [clip.speaker for clip, _ in kept],
        "emotion": [clip.emotion for clip, _ in kept],
    }
    fitted = {kind: PersonaClassifier.fit(motions, names) for kind, names in labels.items()}
    parts = moving_parts(space, motions)
    windows = window_spaces(space, motions, parts)
    true_windows: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for clip, motion in true if "all" in windows else ():
        true_windows[clip.split][clip.id] = windows["all"].features(motion)
    return Reference(
        gap_ranges_mm=_ranges(gaps),
        classifiers={kind: model for kind, model in fitted.items() if model is not None},
        parts=parts,
        windows=windows,
        true_windows=true_windows,
    )


def moving_parts(space: MotionSpace, motions: Sequence[np.ndarray]) -> dict[str, list[int]]:
    """Return the channels of each part that move inside clips, by the variance of a mean clip."""
    long = [motion for motion in motions if len(motion) >= LEAST_FRAMES]
    if not long:
        return {}
    variance = np.mean([motion.astype(np.float64).var(0, ddof=1) for motion in long], axis=0)
    moves = np.sqrt(variance) / space.std.double().cpu().numpy() > LEAST_MOVEMENT
    found = {
        part: [i for i in channels if moves[i]]
        for part, channels in motion_parts(space.channels).items()
    }
    return {part: channels for part, channels in found.items() if channels}


def window_spaces(
    space: MotionSpace, motions: Sequence[np.ndarray], parts: Mapping[str, Sequence[int]]
) -> dict[str, WindowSpace]:
    """Fit the coordinates of windows on training truth; what cannot be fitted is left out."""
    every = sorted(i for channels in parts.values() for i in channels)
    upper = sorted(set(every) - set(parts.get("mouth", ())))
    scale = space.std.double().cpu().numpy()

    def fitted(columns: Sequence[int], velocity: bool = False) -> WindowSpace | None:
        return WindowSpace.fit(
            motions, columns=columns, scale=scale, fps=space.fps, velocity=velocity
        )

    found = {"all": fitted(every), "upper": fitted(upper), "velocity": fitted(upper or every, True)}
    return {name: windows for name, windows in found.items() if windows is not None}


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
        space=space,
        parts=reference.parts,
        windows=reference.windows,
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
