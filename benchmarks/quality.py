"""Measures rows on the splits of a corpus: every metric, every seed, mean and spread."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from benchmarks.metrics.base import FaceContext, FaceMetric, Observation
from benchmarks.metrics.registry import build_metrics, specs
from benchmarks.reference import Reference, face_context, lip_gap_mm
from benchmarks.results import MetricValue
from benchmarks.subjects import Subject
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.training.threads import computing_on
from distill.types import Clip, Recording

SPLITS = ("test", "test_unseen")
WORKERS = 2
SplitValues = dict[str, dict[str, MetricValue]]
"""Metric values by row name and metric id."""


class RowMetrics:
    """The metrics of one row on one split: a set per seed and a set per pair of seeds."""

    def __init__(self, subject: Subject, context: FaceContext, seeds: Sequence[int]) -> None:
        self.subject = subject
        self.unit = context.unit
        self.seeds = tuple(seeds) if subject.samples else (seeds[0],)
        self.pairs = tuple(combinations(range(len(self.seeds)), 2))
        self.per_seed = [build_metrics(context) for _ in self.seeds]
        self.per_pair = [build_metrics(context, "pair") for _ in self.pairs]

    def observe(self, seen: Sequence[Observation]) -> None:
        """Update from one clip, one observation per seed."""
        for metrics, observation in zip(self.per_seed, seen, strict=True):
            _observe(metrics, observation)
        for metrics, (first, second) in zip(self.per_pair, self.pairs, strict=True):
            _observe(metrics, _paired(seen[first], seen[second]))

    def values(self) -> dict[str, MetricValue]:
        """Return mean and spread by metric id; metrics over pairs are 0 with a single seed."""
        values = {name: self._value(name, self.per_seed) for name in self.per_seed[0]}
        for name, spec in specs().items():
            if spec.repeats == "pair":
                values[name] = self._value(name, self.per_pair)
        return {name: values[name] for name in sorted(values)}

    def _value(self, name: str, repeats: Sequence[dict[str, FaceMetric]]) -> MetricValue:
        spec = specs()[name]
        numbers = [float(metrics[name].compute()) for metrics in repeats] or [0.0]
        defined = [number for number in numbers if math.isfinite(number)]
        return MetricValue(
            mean=float(np.mean(defined)) if defined else None,
            std=spread(defined) if defined else None,
            unit=spec.unit.format(u=self.unit),
            region=spec.region,
        )


def measure_rows(
    subjects: Sequence[Subject],
    *,
    corpus: Corpus,
    space: MotionSpace,
    reference: Reference,
    splits: Sequence[str] = SPLITS,
    seeds: Sequence[int] = (0, 1, 2),
    max_clips: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, SplitValues]:
    """Measure every subject on every split; a metric is computed per seed over the whole split.

    Args:
        subjects: Rows of the table.
        corpus: Where real motion comes from.
        space: The rig and frame rate of all motion.
        reference: Lip ranges and classifiers from real motion.
        splits: Splits to measure; one without clips is left out of the result.
        seeds: Seeds of the rows that sample.
        max_clips: Take only this many clips of a split, spread evenly.
        progress: Called with (split, clips done, clips in all).

    Returns:
        Metric values by split, row name and metric id.
    """
    context = face_context(space, reference)
    measured = {}
    # Rows are spread over workers instead of operations, which are too short to be shared.
    with computing_on(1), ThreadPoolExecutor(WORKERS) as pool:
        for split in splits:
            clips = clips_of(corpus, split, max_clips)
            rows = [RowMetrics(subject, context, seeds) for subject in subjects]
            if progress and clips:
                progress(split, 0, len(clips))
            for done, work in enumerate(pool.map(partial(_generate, rows, corpus), clips), 1):
                _observe_clip(rows, *work, space, reference)
                if progress:
                    progress(split, done, len(clips))
            if clips:
                measured[split] = {row.subject.name: row.values() for row in rows}
    return measured


def clips_of(corpus: Corpus, split: str, max_clips: int | None = None) -> list[Clip]:
    """Return the clips of a split that are measured: at most `max_clips`, spread evenly."""
    clips = [clip for clip in corpus.clips if clip.split == split and clip.frames > 1]
    if max_clips is None or len(clips) <= max_clips:
        return clips
    return [clips[i] for i in np.linspace(0, len(clips) - 1, max_clips).round().astype(int)]


def spread(numbers: Sequence[float]) -> float:
    """Return the sample standard deviation; exactly 0 for equal numbers, whose mean may round."""
    return float(np.std(np.subtract(numbers, numbers[0]), ddof=1)) if len(numbers) > 1 else 0.0


def _generate(
    rows: Sequence[RowMetrics], corpus: Corpus, clip: Clip
) -> tuple[Clip, Recording, list[np.ndarray]]:
    """Let every row speak one clip; clips are spread over workers, results come back in order."""
    recording = corpus.read(clip)
    return clip, recording, [row.subject.generate(clip, recording, row.seeds) for row in rows]


@torch.no_grad()
def _observe_clip(
    rows: Sequence[RowMetrics],
    clip: Clip,
    recording: Recording,
    generated: Sequence[np.ndarray],
    space: MotionSpace,
    reference: Reference,
) -> None:
    if recording.motion is None:
        raise UserError(f"clip {clip.id} has no motion to compare with; measure a paired corpus")
    target = _vertices(space, recording.motion)
    for row, motions in zip(rows, generated, strict=True):
        if not np.isfinite(motions).all():
            raise UserError(
                f"row {row.subject.name} generated values that are not finite for clip {clip.id}; "
                "its training has diverged, train it again"
            )
        row.observe(
            [
                Observation(
                    pred=_vertices(space, motion),
                    target=target,
                    motion=motion,
                    lip_gap_mm=lip_gap_mm(space, motion),
                    audio=recording.audio,
                    phones=clip.phones,
                    gap_range_mm=reference.gap_range_mm(clip.speaker),
                    labels={"identity": clip.speaker, "emotion": clip.emotion},
                )
                for motion in motions
            ]
        )


def _vertices(space: MotionSpace, motion: np.ndarray) -> Tensor:
    return space.to_vertices(torch.from_numpy(np.asarray(motion, np.float32)))


def _observe(metrics: dict[str, FaceMetric], seen: Observation) -> None:
    for metric in metrics.values():
        metric.observe(seen)


def _paired(seen: Observation, other: Observation) -> Observation:
    return replace(seen, other=other.pred)
