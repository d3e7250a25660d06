"""What a config asks for: its stages in order, and the models among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distill.diffusion.parameterization import RESIDUAL
from distill.errors import UserError
from distill.methods.progressive.plan import HalvingPlan, Round

FEW_STEP = ("cached", "consistency", "distribution_matching", "flow_map")
"""Methods that shrink first, then train for the exported step count in one stage of their name."""
METHODS = ("progressive", *FEW_STEP, "regression")
ANY_STEPS = ("flow_map",)
"""Those whose student takes any number of steps; it is measured at each of `MEASURED_STEPS`."""
MEASURED_STEPS = (16, 8, 4, 2, 1)
MEAN, STUDENT_MEAN = "mean", "student_mean"
"""Stages in which teacher and student learn what to expect before any noise."""
GROUPS = ("teacher", "student")
ONE_STEP = ("cached",)
"""Those whose student takes one step and no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A model of a run: its stage, its row in the table, and its sampler steps."""

    stage: str
    row: str
    steps: int


def rounds(config: Mapping[str, Any]) -> list[Round]:
    """Return the rounds of a config: all of them, the shrink round alone, or none.

    Raises:
        UserError: The method is unknown or the step counts do not fit it.
    """
    distill = config["distill"]
    method, start, export = (distill[key] for key in ("method", "start_steps", "export_steps"))
    if method not in METHODS:
        raise UserError(f"distill.method={method} is not one of {', '.join(METHODS)}")
    if method == "regression":
        return []
    if method in FEW_STEP:
        _check_few_step(method, start, export, distill["order"])
        return list(HalvingPlan(start, start))
    plan = list(HalvingPlan(start, distill["end_steps"], distill["order"]))
    made = [round_.student_steps for round_ in plan]
    if export not in made:
        raise UserError(
            f"distill.export_steps={export} is not a step count of this plan "
            f"({', '.join(map(str, made))})"
        )
    return plan


def _check_few_step(method: str, start: int, export: int, order: str) -> None:
    if order != "shrink_first":
        raise UserError(
            f"distill.order={order} is for distill.method=progressive; {method} starts from a "
            "shrunk student, so leave distill.order=shrink_first"
        )
    if method in ONE_STEP and export != 1:
        raise UserError(
            f"distill.export_steps={export} does not fit distill.method={method}, whose student "
            "takes one step; add distill.export_steps=1"
        )
    if not 1 <= export < start or start % export:
        raise UserError(
            f"distill.export_steps={export} must divide distill.start_steps={start} and be "
            f"smaller for distill.method={method}; for example 1 or 2"
        )


def students(config: Mapping[str, Any]) -> list[Made]:
    """Return the students of a config in the order they are made, regression aside."""
    distill = config["distill"]
    found = [
        Made(stage=r.name, row=f"student-{r.student_steps}", steps=r.student_steps)
        for r in rounds(config)
    ]
    if distill["method"] in FEW_STEP:
        method, export = distill["method"], distill["export_steps"]
        counts = (
            sorted({export, *MEASURED_STEPS}, reverse=True) if method in ANY_STEPS else [export]
        )
        counts = [steps for steps in counts if steps < distill["start_steps"]]
        found += [Made(stage=method, row=f"student-{steps}", steps=steps) for steps in counts]
    return found


def stage_names(config: Mapping[str, Any]) -> list[str]:
    """Return the stages that a config asks for, in order.

    Raises:
        UserError: The method is unknown or the step counts do not fit it.
    """
    distill = config["distill"]
    stages = dict.fromkeys(made.stage for made in students(config))
    expecting = [config[group]["kwargs"].get("prediction") == RESIDUAL for group in GROUPS]
    names = ["data", "personalizer", *([MEAN] if expecting[0] else []), "teacher"]
    names += [*([STUDENT_MEAN] if all(expecting) and stages else []), *stages]
    if distill["method"] == "regression" or distill["baseline"]:
        names.append("regression")
    return [*names, "student"]


def chosen_stage(config: Mapping[str, Any]) -> str:
    """Return the stage whose model becomes `student/`."""
    steps = config["distill"]["export_steps"]
    found = [made.stage for made in students(config) if made.steps == steps]
    return found[0] if found else "regression"
