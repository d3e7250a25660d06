"""A finished (or partly finished) run, opened for measuring."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.face.space import MotionSpace
from distill.folder import CONFIG
from distill.pipeline.build import build_corpus, build_rig
from distill.pipeline.data import load_space
from distill.pipeline.plan import students
from distill.pipeline.runs import RunDirectory, relevant
from distill.protocols import Corpus
from distill.storage import content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedRun:
    """What a run holds, without training anything.

    Attributes:
        config: Resolved config.
        hashes: Hashes of `config` and `data`.
        space: Motion space, normalized by the run's training split.
        run: Its directory.
    """

    config: Mapping[str, Any]
    hashes: Mapping[str, str]
    space: MotionSpace
    run: RunDirectory

    @property
    def export_steps(self) -> int:
        """Sampler steps of the student that is exported."""
        return int(self.config["distill"]["export_steps"])

    @property
    def teacher_steps(self) -> int:
        """Sampler steps of the teacher that students learn from."""
        return int(self.config["distill"]["start_steps"])

    def corpus(self) -> Corpus:
        """Open the run's corpus."""
        return build_corpus(self.config)

    def checkpoints(self) -> list[tuple[str, Path, int]]:
        """Return (row name, model folder, sampler steps) of every complete model."""
        distill = self.config["distill"]
        rows = [
            ("regression", "regression", 1),
            (f"teacher-{distill['start_steps']}", "teacher", distill["start_steps"]),
        ]
        rows += [(made.row, made.stage, made.steps) for made in students(self.config)]
        stages = [(row, self.run.stage(name), steps) for row, name, steps in rows]
        return [(row, stage.folder, steps) for row, stage, steps in stages if stage.complete]

    def exports(self) -> list[tuple[str, Path, int]]:
        """Return the same of every compressed form that lies beside a student."""
        made = [(stage.stage, stage.steps) for stage in students(self.config)]
        made.append(("student", self.config["distill"]["export_steps"]))
        return [
            (f"student-{steps}{folder.name.removeprefix(name)}", folder, steps)
            for name, steps in made
            for folder in sorted(self.run.folder.glob(f"{name}-*"))
            if (folder / CONFIG).is_file()
        ]


def open_run(folder: Path) -> OpenedRun:
    """Open a run directory.

    Raises:
        UserError: The folder is no run, or its data stage is not complete.
    """
    run = RunDirectory(Path(folder))
    config = run.config()
    manifest = run.stage("data").manifest()
    space = load_space(run, build_rig(config), manifest["fps"])
    hashes = {"config": content_hash(relevant(config)), "data": manifest["content_hash"]}
    return OpenedRun(config=config, hashes=hashes, space=space, run=run)
