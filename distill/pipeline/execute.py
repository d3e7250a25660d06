"""A whole run: stages in order, each skipped when complete and resumed when interrupted."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from distill.errors import UserError
from distill.pipeline.beside import baseline_beside
from distill.pipeline.data import prepare_data
from distill.pipeline.few_step import train_few_step
from distill.pipeline.models import BASELINE, hand_over, run_rounds, train_teacher
from distill.pipeline.personas import prepare_personas
from distill.pipeline.plan import FEW_STEP, stage_names
from distill.pipeline.reuse import take_teacher, teacher_source
from distill.pipeline.runs import RunDirectory
from distill.training.progress import Progress
from distill.training.world import first_then_others, world_size


def execute(config: Mapping[str, Any], progress: Progress) -> Path:
    """Run every stage of `config` that is not complete; return the run directory.

    Raises:
        UserError: Config, data or environment cannot be used.
    """
    names, run = stage_names(config), RunDirectory(Path(config["run"]["dir"]))
    require_equal_shares(config, world_size())
    first_then_others(lambda: begin(config, run))
    torch.set_num_threads(config["trainer"]["threads"] or torch.get_num_threads())
    torch.manual_seed(config["seed"])
    data = first_then_others(lambda: prepare_data(config, run, progress))
    context = prepare_personas(data)
    teacher = train_teacher(context)
    with baseline_beside(context) if BASELINE in names else nullcontext():
        shrunk = run_rounds(context, teacher)
        if config["distill"]["method"] in FEW_STEP:
            train_few_step(context, teacher, shrunk)
    first_then_others(lambda: hand_over(context))
    return run.folder


def begin(config: Mapping[str, Any], run: RunDirectory) -> None:
    """Create or check the run directory, and take over the teacher of another run if asked to."""
    source = None if run.stage("teacher").complete else teacher_source(config)
    run.begin(config)
    if source is not None:
        take_teacher(run, source)


def require_equal_shares(config: Mapping[str, Any], processes: int) -> None:
    """Refuse batches that so many processes cannot share equally.

    Raises:
        UserError: Some would get more rows than others.
    """
    noises = config["teacher"]["training"]["noises"]
    for group, rows in (("budget", processes * noises), ("personalizer", processes)):
        size = config[group].get("batch_size", 0)
        if size % rows and processes > 1:
            raise UserError(
                f"{group}.batch_size={size} cannot be shared equally by {processes} processes; "
                f"set it to {-(-size // rows) * rows} or start another number of them"
            )
