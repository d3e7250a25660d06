"""Laws of the metrics that see motion, on motion made by hand."""

import math

import numpy as np
import pytest
import torch

from benchmarks.metrics.blinks import BlinkDepth, BlinksPerMin
from benchmarks.metrics.coverage import Coverage
from benchmarks.metrics.fmd import FrechetMotionDistance
from benchmarks.metrics.jitter import Jitter
from benchmarks.metrics.lve import Lve
from benchmarks.metrics.lve_mean8 import LveMean8
from benchmarks.metrics.match import Match
from benchmarks.metrics.spread import Spread
from benchmarks.reference import Reference, moving_parts, window_spaces
from benchmarks.windows import WindowSpace, nearest_distance
from distill.types import Clip
from tests.benchmarks.fakes import FPS, space

UNITS = np.array([1.0, 2.0, 0.5, 10.0])


def smooth(seed, frames=600):
    """Four channels of slow waves."""
    rng = np.random.default_rng(seed)
    at = np.arange(frames)[:, None] / FPS
    waves = np.sin(2 * np.pi * rng.uniform(0.2, 2.0, (1, 4)) * at + rng.uniform(0, 6, (1, 4)))
    return (waves * UNITS + rng.normal(0, 1, 4)).astype(np.float32)


def noise(seed, frames=600):
    return (np.random.default_rng(seed).normal(0, 1, (frames, 4)) * UNITS).astype(np.float32)


def ratio(kind, made, truth, channels=(0, 1, 3)):
    metric = kind(list(channels), UNITS)
    for one, real in zip(made, truth, strict=True):
        metric.update(one, real)
    return float(metric.compute())


# jitter and spread


@pytest.mark.parametrize("kind", [Jitter, Spread])
def test_recorded_motion_is_exactly_one(kind):
    truth = [smooth(0), smooth(1, 90)]
    assert ratio(kind, truth, truth) == 1.0


def test_white_noise_is_sqrt_6_rough_for_its_size_whatever_the_size():
    truth = [smooth(0, 3000)]
    values = truth[0][:, [0]].astype(np.float64)
    own = np.sqrt(np.square(np.diff(values, n=2, axis=0)).mean()) / values.std(ddof=1)
    for size in (1.0, 0.1):
        found = ratio(Jitter, [size * noise(1, 3000)], truth, channels=(0,))
        assert found == pytest.approx(math.sqrt(6) / own, rel=0.03)


def test_jitter_knows_neither_size_nor_posture_and_spread_is_linear_in_size():
    truth, made = [smooth(0), smooth(1)], [smooth(2), smooth(3)]
    scaled = [3 * motion + 5 for motion in made]
    assert ratio(Jitter, scaled, truth) == pytest.approx(ratio(Jitter, made, truth), rel=1e-5)
    assert ratio(Spread, scaled, truth) == pytest.approx(3 * ratio(Spread, made, truth), rel=1e-5)


def test_deviation_between_clips_is_no_movement():
    truth, still = [smooth(0), smooth(1)], [np.full((600, 4), k, np.float32) for k in (1, 9)]
    assert ratio(Spread, still, truth) == 0.0
    assert math.isnan(ratio(Jitter, still, truth))
    assert math.isnan(ratio(Spread, truth, still))


def test_other_channels_do_not_count():
    truth, made = [smooth(0)], [smooth(0)]
    made[0][:, 2] = noise(1)[:, 2]
    assert ratio(Jitter, made, truth) == 1.0
    assert ratio(Jitter, made, truth, channels=(2,)) > 2


def test_channels_that_hold_still_inside_clips_belong_to_no_part():
    motions = [0.02 * noise(k) / UNITS + k for k in range(3)]  # postures, hardly any movement
    for motion in motions:
        motion[:, 0] *= 10
    assert moving_parts(space(), motions) == {"mouth": [0]}


# blinks


def blinks(curve, lids=2, fps=10.0):
    motion = np.zeros((len(curve), 4), np.float32)
    motion[:, :lids] = np.asarray(curve)[:, None]
    rate, depth = BlinksPerMin([0, 1], fps), BlinkDepth([0, 1], fps)
    for metric in (rate, depth):
        metric.update(motion)
    return float(rate.compute()), float(depth.compute())


def test_blinks_are_counted_by_their_beginnings_and_judged_by_their_peaks():
    curve = [0.5, 0.0, 0.5, 0.9, 0.5, 0.1, 0.41, 0.2, 0.7, 0.39] + 110 * [0.1]
    rate, depth = blinks(curve)  # 12 s: the first was under way, then deep, shallow, deep
    assert rate == pytest.approx(3 * 60 / 12)
    assert depth == pytest.approx(2 / 3)


def test_one_lid_alone_is_half_a_blink_and_a_stare_has_no_depth():
    deep = [0.0, 0.7] * 30
    assert blinks(deep, lids=1)[0] == 0
    rate, depth = blinks([0.2] * 60)
    assert rate == 0 and math.isnan(depth)


@pytest.mark.parametrize(("peak", "deep"), [(0.61, 1.0), (0.59, 0.0)])
def test_a_deep_blink_reaches_the_limit(peak, deep):
    assert blinks([0.0, 0.5, peak, 0.0])[1] == deep


# windows and their distance


def fitted(seeds=range(20), **options):
    motions = [smooth(seed, 300) for seed in seeds]
    options = {"columns": [0, 1, 3], "scale": UNITS, "fps": FPS} | options
    return WindowSpace.fit(motions, **options), motions


@pytest.mark.parametrize("velocity", [False, True])
def test_training_truth_is_standard_normal_in_its_own_coordinates(velocity):
    windows, motions = fitted(velocity=velocity, components=5)
    features = np.concatenate([windows.features(motion) for motion in motions])
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(np.cov(features.T), np.eye(5), atol=1e-6)


def test_windows_are_a_second_long_and_a_third_apart_and_units_do_not_matter():
    windows, motions = fitted()
    assert len(windows.features(motions[0][:29])) == 0
    assert len(windows.features(motions[0][:60])) == 4
    later = windows.features(motions[0][10:])
    np.testing.assert_allclose(windows.features(motions[0])[1:], later)
    other = np.array([7.0, 0.1, 1.0, 30.0], np.float32)
    scaled = WindowSpace.fit(
        [other * motion for motion in motions], columns=[0, 1, 3], scale=other * UNITS, fps=FPS
    )
    kept = scaled.features(other * motions[3])[:, :5]
    np.testing.assert_allclose(np.abs(kept), np.abs(windows.features(motions[3])[:, :5]), rtol=1e-4)


def test_velocities_do_not_know_posture():
    windows, motions = fitted(velocity=True, components=3)
    moved = windows.features(motions[0] + 3)
    np.testing.assert_allclose(moved, windows.features(motions[0]), atol=1e-2)
    assert np.abs(fitted()[0].features(motions[0] + 3) - fitted()[0].features(motions[0])).max() > 1


def test_no_more_components_than_windows_allow_and_none_without_any():
    assert fitted(seeds=[0])[0].directions.shape[1] <= 27
    assert fitted(seeds=[])[0] is None
    assert fitted(columns=[])[0] is None


def gaussian(mean, covariance, count=500):
    """Return windows whose own mean and covariance are exactly these."""
    values = np.random.default_rng(0).normal(size=(count, len(mean)))
    values -= values.mean(0)
    values = values @ np.linalg.inv(np.linalg.cholesky(np.cov(values.T))).T
    return values @ np.linalg.cholesky(covariance).T + mean


def distance(*parts, components=3):
    windows, _ = fitted(components=components)
    metric = FrechetMotionDistance(windows)
    for part in parts:
        metric.update(part)
    return float(metric.compute())


def test_the_distance_of_gaussians_has_its_closed_form():
    identity, mean = np.eye(3), np.array([1.0, -2.0, 0.5])
    assert distance(gaussian(np.zeros(3), identity)) == pytest.approx(0, abs=1e-9)
    assert distance(gaussian(mean, identity)) == pytest.approx(5.25)
    turned = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, 0.3], [0.0, 0.3, 0.5]])
    root = np.linalg.eigvalsh(turned) ** 0.5
    expected = 5.25 + np.trace(turned) + 3 - 2 * root.sum()
    assert distance(gaussian(mean, turned)) == pytest.approx(expected)


def test_windows_added_bit_by_bit_are_the_whole_and_one_window_is_no_distribution():
    whole = gaussian(np.ones(3), 2 * np.eye(3))
    assert distance(whole[:100], whole[100:]) == pytest.approx(distance(whole), rel=1e-12)
    assert math.isnan(distance(whole[:1]))


def test_distances_of_upper_face_and_velocities_leave_the_mouth_out_where_they_can():
    motions = [smooth(k) for k in range(4)]
    parts = {"mouth": [0, 1], "head": [3]}
    spaces = window_spaces(space(), motions, parts)
    columns = {name: windows.columns.tolist() for name, windows in spaces.items()}
    assert columns == {"all": [0, 1, 3], "upper": [3], "velocity": [3]}
    only = window_spaces(space(), motions, {"mouth": [0, 1]})
    assert set(only) == {"all", "velocity"} and only["velocity"].columns.tolist() == [0, 1]


# coverage


def covered(samples, truth, neighbours):
    metric = Coverage(fitted()[0])
    metric.update(np.stack(samples), truth, neighbours)
    return float(metric.compute())


def test_truth_among_the_samples_covers_all_and_far_samples_nothing():
    truth = smooth(50, 120)
    neighbours = np.full(10, 0.5)
    assert covered([noise(1, 120), truth], truth, neighbours) == 1.0
    assert covered([truth + 1000], truth, neighbours) == 0.0


def test_a_window_counts_when_a_sample_is_nearer_than_the_true_neighbour():
    truth, made = smooth(50, 40), smooth(51, 40)
    windows = fitted()[0]
    nearest = nearest_distance(windows.features(truth), windows.features(made))
    assert covered([made], truth, nearest * np.array([1.01, 0.99])) == 0.5
    assert covered([made], truth, np.array([nearest[0] * 0.99, np.inf])) == 0.0


def test_neighbours_are_sought_in_other_clips_of_the_split_only():
    one, two, far = (np.full((1, 2), value) for value in (0.0, 3.0, 1.0))
    true = {"test": {"a": np.concatenate([one, one]), "b": two}, "test_unseen": {"c": far}}
    reference = Reference(gap_ranges_mm={"": (0.0, 1.0)}, true_windows=true)

    def found(name, split="test"):
        return reference.neighbour_distance(clip(name, split))

    assert found("a").tolist() == pytest.approx([3 * math.sqrt(2)] * 2)
    assert found("c", "test_unseen").tolist() == [np.inf]
    assert found("d") is None


def clip(name, split):
    return Clip(
        id=name, split=split, speaker="ann", emotion="calm", frames=60, samples=32000, phones=(),
        seed=0,
    )  # fmt: skip


# match


def match(samples, teacher):
    metric = Match([0, 3], UNITS)
    metric.update(samples, teacher)
    return float(metric.compute())


def test_the_teacher_matches_itself_and_other_noise_is_another_sample():
    teacher = np.stack([noise(k) for k in range(8)])
    assert match(teacher, teacher) == 0.0
    assert match(np.roll(teacher, 1, axis=0), teacher) == pytest.approx(1.0, abs=0.05)


def test_the_mean_of_what_a_teacher_says_is_off_by_the_root_of_a_half():
    teacher = np.stack([smooth(99) + noise(k, 600) for k in range(8)])
    assert match(smooth(99)[None], teacher) == pytest.approx(math.sqrt(0.5), abs=0.01)


def test_match_is_linear_in_the_distance_and_scale_free():
    teacher = np.stack([noise(k) for k in range(8)]).astype(np.float64)
    near = teacher + 0.1 * np.stack([noise(k + 50) for k in range(8)])
    far = teacher + 0.2 * np.stack([noise(k + 50) for k in range(8)])
    assert match(far, teacher) == pytest.approx(2 * match(near, teacher))
    assert match(3 * far, 3 * teacher) == pytest.approx(match(far, teacher))


def test_match_needs_two_samples_of_the_teacher():
    with pytest.raises(ValueError, match="two samples"):
        match(noise(0)[None], noise(0)[None])


# lip error of a mean


def test_the_lip_error_of_the_mean_is_that_of_the_mean_motion():
    rig = space()
    truth = smooth(0, 40)
    errors = np.stack([noise(k, 40) for k in range(8)])
    metric, plain = LveMean8(rig.rig.lips, rig), Lve(rig.rig.lips)
    target = rig.to_vertices(torch.from_numpy(truth))
    metric.update(metric.shaped(truth + errors), target.index_select(1, rig.rig.lips))
    plain.update(rig.to_vertices(torch.from_numpy(truth + errors.mean(0))), target)
    assert float(metric.compute()) == pytest.approx(float(plain.compute()), rel=1e-4)
    opposite = np.stack([truth + errors[0], truth - errors[0]])
    best = LveMean8(rig.rig.lips, rig)
    best.update(best.shaped(opposite), target.index_select(1, rig.rig.lips))
    assert float(best.compute()) == pytest.approx(0, abs=1e-6)
