import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from distill.errors import UserError
from distill.face.linear import LinearRig
from distill.face.names import ARKIT_52, ARKIT_CHANNELS, mirrored
from distill.face.retarget.curves import Quadratic, bounded, fit_curves
from distill.face.rigs import load_rig

OPPOSED = ("jawLeft", "mouthLeft", "eyeLookIn", "eyeLookDown")
"""Shapes that are another's opposite: only their difference can be told."""


@pytest.fixture(scope="module")
def rig() -> LinearRig:
    built = load_rig("arkit")
    assert isinstance(built, LinearRig)
    return built


@pytest.fixture(scope="module")
def motion(rig: LinearRig) -> np.ndarray:
    """Curves strictly inside 0..1, at rest where they could not be told from others."""
    times = np.linspace(0, 2 * np.pi, 24)[:, None]
    phases = np.random.default_rng(0).uniform(0, 6, len(rig.channels))
    curves = 0.5 + 0.4 * np.sin(times + phases)
    for i, name in enumerate(rig.channels):
        if name.startswith(OPPOSED) or not rig.basis[i].abs().max():
            curves[:, i] = 0.0
    for i, j, share in rig.capped:
        curves[:, i] = 0.8 * share * curves[:, j]
    return curves


def vertices(rig: LinearRig, motion: np.ndarray) -> np.ndarray:
    return rig.to_vertices(torch.tensor(motion).float()).double().numpy()


def test_curves_inside_the_bounds_come_back(rig: LinearRig, motion: np.ndarray):
    found = fit_curves(vertices(rig, motion), rig, smoothness=0.0)
    np.testing.assert_allclose(found.motion, motion, atol=2e-3)
    assert found.residual_mm.max() < 1e-3


def test_weights_stay_in_bounds_whatever_the_vertices(rig: LinearRig, motion: np.ndarray):
    wild = vertices(rig, 4 * motion - 1.5)
    found = fit_curves(wild, rig)
    assert found.motion.min() >= 0 and found.motion.max() <= 1
    own = vertices(rig, found.motion)
    residual = np.sqrt(((own - wild) ** 2).sum(-1).mean(1))
    np.testing.assert_allclose(found.residual_mm, residual, rtol=1e-3)


def test_bounded_minimum_is_that_of_scipy():
    rng = np.random.default_rng(0)
    matrix, wanted = rng.normal(size=(30, 6)), rng.normal(size=(4, 30))
    hessian, linear = matrix.T @ matrix, wanted @ matrix
    found = bounded(Quadratic(hessian=hessian, linear=linear, smooth=np.zeros(6)))
    exact = [lsq_linear(matrix, w, (0, 1), tol=1e-14).x for w in wanted]
    np.testing.assert_allclose(found, exact, atol=1e-6)


def test_smooth_minimum_has_no_downhill_direction():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(9, 5))
    problem = Quadratic(
        hessian=matrix.T @ matrix, linear=3 * rng.normal(size=(7, 5)), smooth=np.full(5, 0.7)
    )
    found = bounded(problem)
    dense = np.kron(np.eye(7), problem.hessian) + 0.7 * np.kron(
        np.diff(np.eye(7), axis=0).T @ np.diff(np.eye(7), axis=0), np.eye(5)
    )
    slope = (dense @ found.ravel()).reshape(7, 5) - problem.linear
    inside = (found > 0) & (found < 1)
    assert np.abs(slope[inside]).max() < 1e-8
    assert (slope[found == 0] >= 0).all() and (slope[found == 1] <= 0).all()


def test_smoothness_calms_noise(rig: LinearRig, motion: np.ndarray):
    noise = np.random.default_rng(2).normal(0, 2.0, (len(motion), *rig.neutral.shape))
    noisy = vertices(rig, motion) + noise
    jitter = []
    for smoothness in (0.0, 0.1, 1.0):
        found = fit_curves(noisy, rig, smoothness=smoothness).motion
        jitter.append(np.abs(np.diff(found, 2, axis=0)).mean())
    assert jitter[0] > 1.2 * jitter[1] > 1.2 * jitter[2]


def test_symmetry_ties_left_and_right(rig: LinearRig, motion: np.ndarray):
    found = fit_curves(vertices(rig, motion), rig, symmetric=True).motion
    other = [ARKIT_CHANNELS.index(mirrored(name)) for name in ARKIT_52]
    np.testing.assert_array_equal(found[:, :52], found[:, other])
    sideways = [ARKIT_CHANNELS.index(n) for n in ("jawRight", "mouthRight")]
    motion = motion.copy()
    motion[:, sideways] = 0.0  # left and right cancel
    even = 0.5 * (motion[:, :52] + motion[:, other])
    exact = fit_curves(vertices(rig, np.pad(even, ((0, 0), (0, 3)))), rig, smoothness=0.0,
                       symmetric=True)  # fmt: skip
    np.testing.assert_allclose(exact.motion[:, :52], even, atol=2e-3)


def test_vertices_of_something_else_are_refused(rig: LinearRig):
    rest = rig.neutral.double().numpy()[None]
    broken = rest.repeat(3, 0)
    broken[1, 5] = np.inf
    cases = {
        "do not fit rig 'arkit'": rest[:, :-1],
        r"shape \(0, .* do not fit": rest[:0],
        r"frame 1 .* not finite": broken,
        "in its unit, mm": rest / 1000,
    }
    for message, wrong in cases.items():
        with pytest.raises(UserError, match=message):
            fit_curves(wrong, rig)
