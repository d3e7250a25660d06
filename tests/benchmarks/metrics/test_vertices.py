"""Vertex metrics on cases small enough to do by hand."""

import math

import pytest
import torch
from torchmetrics.multimodal import LipVertexError

from benchmarks.metrics.diversity import Diversity
from benchmarks.metrics.eve import Eve
from benchmarks.metrics.fdd import Fdd, FddAbs
from benchmarks.metrics.lve import Lve, LveRms
from benchmarks.metrics.mod import Mod
from benchmarks.metrics.mve import Mve

LIPS, UPPER = torch.tensor([0, 1]), torch.tensor([2, 3])
NEUTRAL = torch.zeros(4, 3, dtype=torch.float64)


def still(frames=2):
    return torch.zeros(frames, 4, 3, dtype=torch.float64)


def moved(**offsets):
    """Two frames; `v<vertex>` gives the x offset in each frame."""
    vertices = still()
    for name, values in offsets.items():
        vertices[:, int(name[1:]), 0] = torch.tensor(values, dtype=torch.float64)
    return vertices


def value(metric, *pairs):
    for pair in pairs:
        metric.update(*pair)
    return float(metric.compute())


def test_lve_takes_the_worst_lip_vertex_squared_and_pools_frames():
    pred = moved(v0=[3, 0], v1=[1, 2], v2=[100, 100])
    assert value(Lve(LIPS), (pred, still())) == (9 + 4) / 2
    short = pred[:1]
    assert value(Lve(LIPS), (pred, still()), (short, still(1))) == (9 + 4 + 9) / 3


def test_lve_equals_torchmetrics_on_random_motion():
    reference = LipVertexError(mouth_map=LIPS.tolist())
    ours = Lve(LIPS)
    for frames in (5, 9):
        pred, target = torch.randn(2, frames, 4, 3, dtype=torch.float64)
        ours.update(pred, target)
        reference.update(pred, target)
    assert float(ours.compute()) == pytest.approx(float(reference.compute()), rel=1e-12)


def test_lve_rms_is_a_root_per_sequence_in_mm():
    one, two = moved(v0=[3, 0]), moved(v0=[1, 1])
    expected = (math.sqrt(9 / 2) + 1) / 2
    assert value(LveRms(LIPS), (one, still()), (two, still())) == pytest.approx(expected)
    centimetres = LveRms(LIPS, mm_per_unit=10.0)
    assert value(centimetres, (two, still())) == pytest.approx(10)


def test_eve_looks_at_the_upper_face_alone():
    pred = moved(v0=[50, 50], v2=[1, 2], v3=[3, 0])
    assert value(Eve(UPPER), (pred, still())) == (9 + 4) / 2


def test_fdd_is_positive_for_a_face_that_moves_too_little():
    target = moved(v2=[0, 2], v3=[0, 4])
    # std over two frames of 0 and x is x / 2: (4 + 16) / 2 over two vertices.
    assert value(Fdd(NEUTRAL, UPPER), (still(), target)) == (2 + 8) / 2
    assert value(Fdd(NEUTRAL, UPPER), (target, still())) == -(2 + 8) / 2
    pairs = (still(), target), (target, still())
    assert value(Fdd(NEUTRAL, UPPER), *pairs) == 0
    assert value(FddAbs(NEUTRAL, UPPER), *pairs) == 5


def test_mve_is_the_mean_distance_of_all_vertices():
    assert value(Mve(), (moved(v0=[3, 0], v3=[0, 5]), still())) == (3 + 5) / 8


def test_mod_compares_openings_not_positions():
    pairs = torch.tensor([[0, 1]])
    shifted = moved(v0=[7, 7], v1=[7, 7])
    assert value(Mod(pairs), (shifted, still())) == 0
    assert value(Mod(pairs), (moved(v0=[2, 0]), still())) == 1


def test_diversity_is_the_mean_distance_of_pairs():
    samples = torch.stack([still(), moved(v0=[4, 4]), moved(v0=[8, 8])])
    metric = Diversity()
    metric.update(samples)
    assert float(metric.compute()) == pytest.approx((1 + 2 + 1) / 3)
    with pytest.raises(ValueError, match="two samples"):
        metric.update(samples[:1])


@pytest.mark.parametrize("metric", [Lve(LIPS), LveRms(LIPS), Eve(UPPER), Mve()], ids=repr)
def test_a_common_shift_changes_no_vertex_error(metric):
    pred, target = torch.randn(2, 6, 4, 3, dtype=torch.float64)
    before = value(metric, (pred, target))
    metric.reset()
    assert value(metric, (pred + 5, target + 5)) == pytest.approx(before, rel=1e-9)
    assert before > 0


def test_metrics_keep_double_precision_for_float_input():
    pred = (torch.full((1, 4, 3), 1e-4)).float()
    metric = Lve(LIPS)
    for _ in range(100):
        metric.update(pred, torch.zeros_like(pred))
    assert metric.compute().dtype == torch.float64
    assert float(metric.compute()) == pytest.approx(3 * float(pred[0, 0, 0].double()) ** 2)


def test_nothing_to_compare_is_refused():
    with pytest.raises(ValueError, match="cannot compare"):
        Lve(LIPS).update(still()[:0], still())
    with pytest.raises(ValueError, match="empty"):
        Lve(LIPS[:0])
