"""Another student of a teacher that another run has trained."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.errors import UserError
from distill.pipeline.runs import RunDirectory, changes, relevant

STAGES = ("data", "personalizer", "mean", "teacher")
AFTER_TEACHER = ("student", "distill")
AFTER_TEACHER_BUDGET = (
    "name",
    "student_mean_updates",
    "shrink_updates",
    "round_updates",
    "cached_updates",
    "consistency_updates",
    "distribution_matching_updates",
    "flow_map_updates",
    "regression_updates",
    "speed_s",
    "max_clips",
)


def teacher_source(config: Mapping[str, Any]) -> RunDirectory | None:
    """Return the run that `run.teacher_from` names, or None if it names none.

    Whatever decides the stages up to its teacher must be the same, so that taking them gives what
    training them would have given.

    Raises:
        UserError: The other run has no finished teacher, or one made with another config.
    """
    name = config["run"]["teacher_from"]
    if name is None:
        return None
    source = RunDirectory(Path(name))
    changed = changes(until_teacher(source.config()), until_teacher(config))
    if changed:
        raise UserError(
            f"the teacher of run.teacher_from={name} was made with another config ({changed}); "
            "take over its values or leave run.teacher_from out"
        )
    if not source.stage("teacher").complete:
        raise UserError(f"run.teacher_from={name} has no finished teacher; finish that run first")
    return source


def take_teacher(run: RunDirectory, source: RunDirectory) -> None:
    """Copy the stages up to the teacher that `run` does not have."""
    for name in STAGES:
        theirs, ours = source.stage(name), run.stage(name)
        if theirs.complete and not ours.complete:
            arriving = run.folder / f".{name}-arriving"
            for unfinished in (arriving, ours.folder):
                shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(theirs.folder, arriving)
            arriving.rename(ours.folder)


def until_teacher(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a config that decides the stages up to the teacher."""
    kept = {key: value for key, value in relevant(config).items() if key not in AFTER_TEACHER}
    budget = {k: v for k, v in kept["budget"].items() if k not in AFTER_TEACHER_BUDGET}
    steps = {"start_steps": config["distill"]["start_steps"]}  # which a teacher names as its own
    return kept | {"budget": budget, "distill": steps}
