"""Every metric of this folder by id; a new file here is found without editing any other."""

import inspect
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import benchmarks.metrics
from benchmarks.metrics.base import FaceContext, FaceMetric, Measure, MetricSpec, Repeats


@cache
def measures() -> dict[str, Measure]:
    """Return every measure by id, in the order of file names."""
    found: dict[str, Measure] = {}
    for module in iter_modules(benchmarks.metrics.__path__):
        for member in vars(import_module(f"benchmarks.metrics.{module.name}")).values():
            if (
                inspect.isclass(member)
                and issubclass(member, FaceMetric)
                and "spec" in vars(member)
            ):
                for measure in member.measures():
                    found.setdefault(measure.spec.id, measure)
    return found


def specs() -> dict[str, MetricSpec]:
    """Return what each metric's numbers mean, by id."""
    return {name: measure.spec for name, measure in measures().items()}


def build_metrics(context: FaceContext, repeats: Repeats = "seed") -> dict[str, FaceMetric]:
    """Make every metric that can be measured in a context and is repeated per `repeats`."""
    made = {k: m.build(context) for k, m in measures().items() if m.spec.repeats == repeats}
    return {name: metric for name, metric in made.items() if metric is not None}
