from benchmarks.metrics.base import FaceContext
from benchmarks.metrics.registry import build_metrics, measures, specs
from benchmarks.reference import Reference, face_context
from distill.face.parts import PARTS
from tests.benchmarks.fakes import space

ALWAYS = {
    "lve", "lve_rms_mm", "eve", "fdd", "fdd_abs", "mve", "mod", "closure", "sync_r", "sync_lag_ms",
}  # fmt: skip
BY_PART = {f"{metric}_{part}" for metric in ("jitter", "spread", "match") for part in PARTS}
EXPECTED = ALWAYS | BY_PART | {
    "diversity", "persona_top1_identity", "persona_top1_emotion", "lve_mean8", "coverage",
    "fmd", "fmd_upper", "fmd_velocity", "blinks_per_min", "blink_depth",
}  # fmt: skip


def context() -> FaceContext:
    return face_context(space(), Reference(gap_ranges_mm={"": (0.0, 1.0)}))


def test_every_metric_of_the_plan_is_found_by_id():
    assert set(measures()) == EXPECTED


def test_every_number_can_say_what_it_means():
    for spec in specs().values():
        assert all([spec.formula, spec.unit, spec.region, spec.pooling, spec.origin])
        assert spec.better in ("lower", "higher", "zero", "one", "recorded")
        assert "{part}" not in f"{spec.id} {spec.region}"


def test_a_metric_without_what_it_needs_is_left_out():
    assert set(build_metrics(context())) == ALWAYS
    assert set(build_metrics(context(), "pair")) == {"diversity"}
    assert set(build_metrics(context(), "samples")) == {"lve_mean8"}
