"""A whole run: stages in order, each skipped when complete and resumed when interrupted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from distill.errors import UserError
from distill.methods.progressive.plan import HalvingPlan
from distill.pipeline.data import prepare_data
from distill.pipeline.models import hand_over, run_rounds, train_regression, train_teacher
from distill.pipeline.personas import prepare_personas
from distill.pipeline.runs import RunDirectory
from distill.training.progress import Progress

METHODS = ("progressive", "regression")


def stage_names(config: Mapping[str, Any]) -> list[str]:
    """Return the stages that a config asks for, in order.

    Raises:
        UserError: The method is unknown or the step counts do not fit it.
    """
    distill = config["distill"]
    if distill["method"] not in METHODS:
        raise UserError(f"distill.method={distill['method']} is not one of {', '.join(METHODS)}")
    names = ["data", "personalizer", "teacher"]
    if distill["method"] == "progressive":
        plan = HalvingPlan(distill["start_steps"], distill["end_steps"], distill["order"])
        names += [round_.name for round_ in plan]
        made = [round_.student_steps for round_ in plan]
        if distill["export_steps"] not in made:
            raise UserError(
                f"distill.export_steps={distill['export_steps']} is not a step count of this plan "
                f"({', '.join(map(str, made))})"
            )
    if distill["method"] == "regression" or distill["baseline"]:
        names.append("regression")
    return [*names, "student"]


def execute(config: Mapping[str, Any], progress: Progress) -> Path:
    """Run every stage of `config` that is not complete; return the run directory.

    Raises:
        UserError: Config, data or environment cannot be used.
    """
    names = stage_names(config)
    run = RunDirectory(Path(config["run"]["dir"]))
    run.begin(config)
    torch.set_num_threads(config["trainer"]["threads"] or torch.get_num_threads())
    torch.manual_seed(config["seed"])
    context = prepare_personas(prepare_data(config, run, progress))
    teacher = train_teacher(context)
    if config["distill"]["method"] == "progressive":
        run_rounds(context, teacher)
    if "regression" in names:
        train_regression(context)
    hand_over(context)
    return run.folder
