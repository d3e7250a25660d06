"""Sends a measured run to W&B: comparison table, Pareto plot, models with lineage."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.report import PLOT
from benchmarks.results import (
    STUDENT,
    TEACHER,
    Results,
    find_row,
    student_name,
    teacher_name,
)
from benchmarks.side_by_side import LATENCY, METRICS, SIZE, point, row_name
from distill.audio.decode import write_wav
from distill.face.files import write_motion
from distill.pipeline.opened import OpenedRun
from distill.talker import Talker, load
from distill.types import Clip

CLIPS = 4
VIDEO_PX = 192


def publish(opened: OpenedRun, folder: Path, results: Results) -> None:
    """Log a run's report as one W&B run of job type `report`, offline where there is no key.

    Args:
        opened: The measured run.
        folder: Its directory.
        results: Its results.
    """
    from distill.training.loggers import finish_wandb, start_wandb
    from distill.training.tracking import (
        log_checkpoint_artifact,
        log_comparison_table,
        log_pareto,
    )

    name = opened.config["run"]["name"]
    run = start_wandb(
        folder=folder / "report", run_name=name, stage="report", config=dict(opened.config)
    )
    with TemporaryDirectory() as media:
        log_comparison_table(run, comparison_rows(opened, results, Path(media)))
        log_pareto(run, pareto_rows(results), image=folder / "report" / PLOT)
        run.summary.update(figures(results))
        parent = None
        for row, path, steps in opened.checkpoints():
            lineage = None if row.startswith(("teacher", "regression")) else parent
            label = f"{name}-{row}".replace("/", "-").replace("+", "-").replace("=", "-")
            log_checkpoint_artifact(run, path, label, parent=lineage, metadata={"steps": steps})
            if not row.startswith("regression"):
                parent = (label, path)
        finish_wandb()


def figures(results: Results) -> dict[str, float]:
    """Return every figure of every model as `<row>/<column>`: what sweeps and dashboards read.

    The teacher at its own steps and the exported student stand there as `teacher` and `student`
    too, whatever their steps are.
    """
    protocol = results.protocol
    roles = {TEACHER: teacher_name(protocol), STUDENT: student_name(protocol)}
    named = [(row_name(row), row) for row in results.rows]
    named += [(r, row) for r, name in roles.items() if (row := find_row(results.rows, name))]
    found = {}
    for name, row in named:
        for column in (*METRICS, LATENCY, SIZE):
            if row.bytes and (value := point([row], column)) is not None:
                found[f"{name}/{column}"] = value.mean
    return found


def comparison_rows(opened: OpenedRun, results: Results, media: Path) -> list[dict[str, Any]]:
    """Return one row per clip: sound, teacher and student video, LVE of the student, latency."""
    models = {row: (path, steps) for row, path, steps in opened.checkpoints()}
    teacher, student = teacher_name(results.protocol), student_name(results.protocol)
    teacher = teacher if teacher in models else None
    student = student if student in models else next(reversed(models))
    corpus = opened.corpus()
    clips = [clip for clip in corpus.clips if clip.split == "test" and clip.frames > 1][:CLIPS]
    talkers = {row: load(models[row][0]) for row in (teacher, student) if row}
    speed = getattr(find_row(results.rows, student), "speed", None)
    latency = speed.threads_1.p50_ms if speed and speed.threads_1 else None
    rows = []
    for clip in clips:
        audio = media / f"{clip.id}.wav"
        write_wav(audio, corpus.read(clip).audio)
        row: dict[str, Any] = {"clip": clip.id, "audio": audio, "text": clip.text}
        for kind, name in (("teacher", teacher), ("student", student)):
            if name:
                row[kind] = render_clip(opened, talkers[name], models[name][1], clip, media / kind)
        row["lve_mm2"] = clip_lve(opened, talkers[student], models[student][1], clip)
        row["latency_ms"] = latency
        rows.append(row)
    return rows


def render_clip(opened: OpenedRun, talker: Talker, steps: int, clip: Clip, stem: Path) -> Path:
    """Render what a model makes of a clip, with sound."""
    recording = opened.corpus().read(clip)
    path = stem.with_name(f"{clip.id}-{stem.name}.mp4")
    motion = talker.generate(recording.audio, steps=steps)
    write_motion(path, motion.values, opened.space, audio=recording.audio, size=VIDEO_PX)
    return path


def clip_lve(opened: OpenedRun, talker: Talker, steps: int, clip: Clip) -> float:
    """Return the lip vertex error of a model on one clip."""
    import torch
    from torchmetrics.functional.multimodal.lve import lip_vertex_error

    recording = opened.corpus().read(clip)
    motion = talker.generate(recording.audio, steps=steps).values
    real = np.asarray(recording.motion)[: len(motion)]
    lips = opened.space.rig.lips
    shaped, wanted = (
        opened.space.to_vertices(torch.from_numpy(values), lips) for values in (motion, real)
    )
    return float(lip_vertex_error(shaped, wanted, list(range(len(lips)))))


def pareto_rows(results: Results) -> list[dict[str, Any]]:
    """Return quality against speed and size, a row per model."""
    rows = []
    for row in results.rows:
        timing = row.speed.threads_1 if row.speed else None
        rows.append(
            {
                "name": row.name,
                "lve": row.metrics["lve"].mean,
                "latency_ms": timing.p50_ms if timing else None,
                "bytes": row.bytes,
            }
        )
    return rows
