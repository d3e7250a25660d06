"""Measures rows on the splits of a corpus: every metric, every seed, mean and spread."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import combinations, count

import numpy as np
import torch
from torch import Tensor

from benchmarks.metrics.base import FaceContext, FaceMetric, Observation
from benchmarks.metrics.registry import build_metrics, specs
from benchmarks.reference import Reference, face_context, lip_gap_mm
from benchmarks.results import MetricValue
from benchmarks.subjects import BASELINE, Subject
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.training.threads import computing_on
from distill.types import Clip, Recording

SPLITS = ("test", "test_unseen")
SAMPLES = 8
"""Motions of a clip that metrics of several samples look at, of rows that sample."""
WORKERS, AHEAD = 2, 2
"""Clips that are generated at once, and clips beyond these that wait to be looked at."""
SplitValues = dict[str, dict[str, MetricValue]]
"""Metric values by row name and metric id."""
Work = tuple[Clip, Recording, list[np.ndarray]]
"""A clip, what was recorded, and the motions (N F D) of every row."""


class RowMetrics:
    """The metrics of one row on one split: a set per seed, per pair of seeds, and of all samples.

    A row that samples draws at least `SAMPLES` motions per clip; the first are those of `seeds`.
    """

    def __init__(self, subject: Subject, context: FaceContext, seeds: Sequence[int]) -> None:
        self.subject = subject
        self.unit = context.unit
        self.seeds = tuple(seeds) if subject.samples else (seeds[0],)
        self.drawn = enough_seeds(self.seeds) if subject.samples else self.seeds
        self.pairs = tuple(combinations(range(len(self.seeds)), 2))
        self.of_samples = build_metrics(context, "samples")
        self.per_seed = [build_metrics(context) for _ in self.seeds]
        self.per_pair = [build_metrics(context, "pair") for _ in self.pairs]

    def observe(self, seen: Sequence[Observation]) -> None:
        """Update from one clip, one observation per seed."""
        for metrics, observation in zip(self.per_seed, seen, strict=True):
            _observe(metrics, observation)
        for metrics, (first, second) in zip(self.per_pair, self.pairs, strict=True):
            _observe(metrics, _paired(seen[first], seen[second]))
        _observe(self.of_samples, seen[0])

    def values(self) -> dict[str, MetricValue]:
        """Return mean and spread by metric id; metrics over pairs are 0 with a single seed."""
        values = {name: self._value(name, self.per_seed) for name in self.per_seed[0]}
        values |= {name: self._value(name, [self.of_samples]) for name in self.of_samples}
        for name, spec in specs().items():
            if spec.repeats == "pair":
                values[name] = self._value(name, self.per_pair)
        return {name: values[name] for name in sorted(values)}

    def _value(self, name: str, repeats: Sequence[dict[str, FaceMetric]]) -> MetricValue:
        spec = specs()[name]
        made = [metrics[name] for metrics in repeats]
        numbers = [float(m.compute()) if m.update_called else math.nan for m in made] or [0.0]
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
    teacher: str | None = None,
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
        teacher: Row that the other models were distilled from; without it nothing can match it.
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
            works = _in_order(pool, partial(_generate, rows, corpus), clips)
            for done, (clip, recording, generated) in enumerate(works, 1):
                motions = dict(zip(rows, generated, strict=True))
                _observe_clip(motions, clip, recording, space, reference, teacher)
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


def enough_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """Return the seeds, followed by the smallest others until there are `SAMPLES`."""
    others = (seed for seed in count() if seed not in seeds)
    return (*seeds, *(next(others) for _ in range(SAMPLES - len(seeds))))


def _in_order(
    pool: Executor, work: Callable[[Clip], Work], clips: Iterable[Clip]
) -> Iterator[Work]:
    """Return results in order, computing no further ahead than `AHEAD` clips wait for."""
    running: deque[Future[Work]] = deque()
    for clip in clips:
        running.append(pool.submit(work, clip))
        if len(running) >= WORKERS + AHEAD:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _generate(rows: Sequence[RowMetrics], corpus: Corpus, clip: Clip) -> Work:
    """Let every row speak one clip; clips are spread over workers, results come back in order."""
    recording = corpus.read(clip)
    return clip, recording, [row.subject.generate(clip, recording, row.drawn) for row in rows]


@torch.no_grad()
def _observe_clip(
    motions: Mapping[RowMetrics, np.ndarray],
    clip: Clip,
    recording: Recording,
    space: MotionSpace,
    reference: Reference,
    teacher: str | None,
) -> None:
    if recording.motion is None:
        raise UserError(f"clip {clip.id} has no motion to compare with; measure a paired corpus")
    target, neighbours = _vertices(space, recording.motion), reference.neighbour_distance(clip)
    teachers = [made[:SAMPLES] for row, made in motions.items() if row.subject.name == teacher]
    for row, made in motions.items():
        if not np.isfinite(made).all():
            raise UserError(
                f"row {row.subject.name} generated values that are not finite for clip {clip.id}; "
                "its training has diverged, train it again"
            )
        taught = teachers[0] if teachers and _is_pupil(row.subject, teacher) else None
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
                    truth=recording.motion,
                    samples=made[:SAMPLES],
                    teacher_samples=taught,
                    neighbour_distance=neighbours,
                )
                for motion in made[: len(row.seeds)]
            ]
        )


def _is_pupil(subject: Subject, teacher: str | None) -> bool:
    """Say whether a row is a model other than the teacher, so that it may match it."""
    return subject.family != BASELINE and subject.name != teacher


def _vertices(space: MotionSpace, motion: np.ndarray) -> Tensor:
    return space.to_vertices(torch.from_numpy(np.asarray(motion, np.float32)))


def _observe(metrics: dict[str, FaceMetric], seen: Observation) -> None:
    for metric in metrics.values():
        metric.observe(seen)


def _paired(seen: Observation, other: Observation) -> Observation:
    return replace(seen, other=other.pred)
