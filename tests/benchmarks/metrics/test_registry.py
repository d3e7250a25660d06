from benchmarks.metrics.base import FaceContext
from benchmarks.metrics.registry import build_metrics, metric_classes, specs
from benchmarks.reference import Reference, face_context
from tests.benchmarks.fakes import space

EXPECTED = {
    "lve", "lve_rms_mm", "eve", "fdd", "fdd_abs", "mve", "mod", "diversity", "closure",
    "sync_r", "sync_lag_ms", "persona_top1_identity", "persona_top1_emotion",
}  # fmt: skip


def context() -> FaceContext:
    return face_context(space(), Reference(gap_ranges_mm={"": (0.0, 1.0)}))


def test_every_metric_of_the_plan_is_found_by_id():
    assert set(metric_classes()) == EXPECTED


def test_every_number_can_say_what_it_means():
    for spec in specs().values():
        assert all([spec.formula, spec.unit, spec.region, spec.pooling, spec.origin])
        assert spec.better in ("lower", "higher", "zero")


def test_a_metric_without_what_it_needs_is_left_out():
    per_seed = build_metrics(context())
    assert set(per_seed) == EXPECTED - {"diversity"} - {k for k in EXPECTED if "persona" in k}
    assert set(build_metrics(context(), "pair")) == {"diversity"}
