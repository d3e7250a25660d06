"""A whole run: stages in order, each skipped when complete and resumed when interrupted."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from distill.pipeline.beside import baseline_beside
from distill.pipeline.data import prepare_data
from distill.pipeline.few_step import train_few_step
from distill.pipeline.models import BASELINE, hand_over, run_rounds, train_teacher
from distill.pipeline.personas import prepare_personas
from distill.pipeline.plan import FEW_STEP, stage_names
from distill.pipeline.reuse import take_teacher, teacher_source
from distill.pipeline.runs import RunDirectory
from distill.training.progress import Progress


def execute(config: Mapping[str, Any], progress: Progress) -> Path:
    """Run every stage of `config` that is not complete; return the run directory.

    Raises:
        UserError: Config, data or environment cannot be used.
    """
    names, run = stage_names(config), RunDirectory(Path(config["run"]["dir"]))
    source = None if run.stage("teacher").complete else teacher_source(config)
    run.begin(config)
    if source is not None:
        take_teacher(run, source)
    torch.set_num_threads(config["trainer"]["threads"] or torch.get_num_threads())
    torch.manual_seed(config["seed"])
    context = prepare_personas(prepare_data(config, run, progress))
    teacher = train_teacher(context)
    with baseline_beside(context) if BASELINE in names else nullcontext():
        shrunk = run_rounds(context, teacher)
        if config["distill"]["method"] in FEW_STEP:
            train_few_step(context, teacher, shrunk)
    hand_over(context)
    return run.folder
