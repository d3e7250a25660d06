"""Every metric of this folder by id; a new file here is found without editing any other."""

import inspect
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import benchmarks.metrics
from benchmarks.metrics.base import FaceContext, FaceMetric, MetricSpec


@cache
def metric_classes() -> dict[str, type[FaceMetric]]:
    """Return metric classes by id, in the order of file names."""
    found: dict[str, type[FaceMetric]] = {}
    for module in iter_modules(benchmarks.metrics.__path__):
        members = vars(import_module(f"benchmarks.metrics.{module.name}")).values()
        for member in members:
            if (
                inspect.isclass(member)
                and issubclass(member, FaceMetric)
                and "spec" in vars(member)
            ):
                found.setdefault(member.spec.id, member)
    return found


def specs() -> dict[str, MetricSpec]:
    """Return what each metric's numbers mean, by id."""
    return {name: metric.spec for name, metric in metric_classes().items()}


def build_metrics(context: FaceContext, repeats: str = "seed") -> dict[str, FaceMetric]:
    """Make every metric that can be measured in a context and is repeated per `repeats`."""
    wanted = {k: m for k, m in metric_classes().items() if m.spec.repeats == repeats}
    made = {name: metric.build(context) for name, metric in wanted.items()}
    return {name: metric for name, metric in made.items() if metric is not None}
