"""From an opened run to typed results: rows, quality, speed, ratios."""

import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from benchmarks.metrics.registry import specs
from benchmarks.quality import SAMPLES, SPLITS, SplitValues, clips_of, measure_rows
from benchmarks.reference import build_reference
from benchmarks.results import (
    TEACHER,
    Results,
    Row,
    Speed,
    parse_speed,
    ratios,
    teacher_name,
)
from benchmarks.speed import cold_start_s, speed_in_process
from benchmarks.subjects import RecordedSubject, StillSubject, Subject, talker_subject
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.folder import runs_on
from distill.pipeline.runs import git_commit
from distill.protocols import Corpus

AUDIO_S = 10.0
FEW_STEPS = (4, 2, 1)
"""Steps that the teacher is run in besides its own."""
Checkpoints = Sequence[tuple[str, Path, int]]
Progress = Callable[[str, int, int], None]


@runtime_checkable
class OpenedRun(Protocol):
    """What `distill.pipeline.opened.open_run` returns."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """Content hashes by what they cover: `config`, `data`."""
        ...

    @property
    def space(self) -> MotionSpace:
        """Rig, frame rate and normalization."""
        ...

    @property
    def teacher_steps(self) -> int:
        """Sampler steps of the teacher that students learn from."""
        ...

    @property
    def export_steps(self) -> int:
        """Sampler steps of the student that is exported."""
        ...

    def corpus(self) -> Corpus:
        """Open the run's corpus."""
        ...

    def checkpoints(self) -> Checkpoints:
        """Return (row name, folder, sampler steps) of every model to measure."""
        ...

    def exports(self) -> Checkpoints:
        """Return the same of every compressed form of the student."""
        ...


def measure_opened(
    opened: OpenedRun,
    *,
    name: str,
    seeds: Sequence[int] = (0, 1, 2),
    speed_s: float | None = 8.0,
    max_clips: int | None = None,
    progress: Progress | None = None,
) -> Results:
    """Measure every model of a run, and the two still faces; `speed_s` None leaves speed out."""
    corpus, space, checkpoints = opened.corpus(), opened.space, list(opened.checkpoints())
    if not checkpoints:
        raise UserError(f"run {name} has no finished models to measure; let the run finish first")
    checkpoints += opened.exports()
    protocol = _protocol(seeds, speed_s, opened)
    teacher = teacher_name(protocol)
    subjects = build_subjects(space, with_fewer_steps(checkpoints, teacher))
    reference = build_reference(corpus, space, splits=SPLITS)
    values = measure_rows(
        [*subjects, RecordedSubject()],
        corpus=corpus,
        space=space,
        reference=reference,
        seeds=seeds,
        max_clips=max_clips,
        teacher=teacher,
        progress=progress,
    )
    speeds = measure_speed(checkpoints, speed_s, progress) if speed_s else {}
    rows = [_row(subject, values, speeds) for subject in subjects]
    return Results(
        run=name,
        commit=git_commit(),
        config_hash=opened.hashes.get("config", ""),
        data_hash=opened.hashes.get("data", corpus.content_hash),
        device=f"cpu ({platform.machine()})",
        threads=torch.get_num_threads(),
        reference=_matmul() if speed_s else {},
        rows=rows,
        ratios=ratios(rows, protocol),
        formulas=formulas(space.rig.units),
        recorded={split: rows.pop("recorded") for split, rows in values.items()},
        splits={split: len(clips_of(corpus, split, max_clips)) for split in values},
        protocol=protocol,
    )


def build_subjects(space: MotionSpace, checkpoints: Checkpoints) -> list[Subject]:
    """Return the rows of the table: the still faces and every model."""
    from distill.talker import load

    rest = np.zeros(space.motion_dim, np.float32)
    talkers = {path: load(path, runs_on(path)) for path in {path: 0 for _, path, _ in checkpoints}}
    subjects: list[Subject] = [
        StillSubject(name="neutral", frame=rest),
        StillSubject(name="mean", frame=space.mean.cpu().numpy()),
    ]
    return subjects + [
        talker_subject(name, talkers[path], steps) for name, path, steps in checkpoints
    ]


def with_fewer_steps(checkpoints: Checkpoints, teacher: str) -> list[tuple[str, Path, int]]:
    """Add the teacher itself run in fewer steps: what distillation has to beat."""
    rows = []
    for name, path, steps in checkpoints:
        rows.append((name, path, steps))
        if name == teacher:
            rows += [(f"{TEACHER}-{few}", path, few) for few in FEW_STEPS if few < steps]
    return rows


def measure_speed(
    checkpoints: Checkpoints, limit_s: float, progress: Progress | None = None
) -> dict[str, Speed]:
    """Time every model at 1 and 2 threads, each model in a process of its own."""
    speeds = {}
    if progress:
        progress("speed", 0, len(checkpoints))
    for done, (name, path, steps) in enumerate(checkpoints, 1):
        words = ["--checkpoint", str(path), "--backend", runs_on(path), "--threads", "1", "2"]
        words += ["--seconds", str(AUDIO_S), "--limit-s", str(limit_s)]
        words += ["--steps", str(steps)] if steps else []
        found = speed_in_process(words)
        if runs_on(path) == "onnx":
            found["cold_s"] = cold_start_s(path, "onnx")
        speeds[name] = parse_speed(found)
        if progress:
            progress("speed", done, len(checkpoints))
    return speeds


def formulas(unit: str) -> dict[str, dict[str, str]]:
    """Return the meaning of every metric id, with the rig's unit written in."""
    fields = ("formula", "unit", "region", "pooling", "better", "origin")
    return {
        name: {field: getattr(spec, field) for field in fields} | {"unit": spec.unit.format(u=unit)}
        for name, spec in sorted(specs().items())
    }


def _row(subject: Subject, values: Mapping[str, SplitValues], speeds: Mapping[str, Speed]) -> Row:
    def metrics(split: str) -> dict:
        return values.get(split, {}).get(subject.name, {})

    return Row(
        name=subject.name,
        family=subject.family,
        steps=subject.steps,
        backend=subject.backend,
        params=subject.params,
        bytes=subject.bytes,
        metrics=metrics("test"),
        metrics_unseen=metrics("test_unseen"),
        speed=speeds.get(subject.name),
        calls=subject.calls,
    )


def _protocol(seeds: Sequence[int], speed_s: float | None, opened: OpenedRun) -> dict[str, Any]:
    return {
        "seeds": list(seeds),
        "samples": SAMPLES,
        "teacher_steps": opened.teacher_steps,
        "export_steps": opened.export_steps,
        "spread": "sample standard deviation over seeds (pairs of seeds for diversity)",
        "vertices": "head frame, rotation not applied",
        "latency": "waveform to motion, batch 1, persona chosen beforehand, own process",
        "audio_s": AUDIO_S,
        "timing_s": speed_s,
    }


def _matmul() -> dict[str, float | None]:
    return speed_in_process(["--matmul", "--threads", "1", "2"])
