"""Components of motion: what they keep, where zero is, and how they are scaled."""

import numpy as np
import pytest

from distill.data.components import _batches, fit_components
from distill.errors import UserError


def some_motion(frames: int, rank: int = 4, width: int = 30) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = np.array([8.0, 4.0, 2.0, 1.0])[:rank]
    axes = np.linalg.qr(rng.normal(size=(width, rank)))[0].T
    whole = (rng.normal(size=(frames, rank)) + 1.0) * sizes @ axes
    return [part.astype(np.float32) for part in np.array_split(whole, 7)]


def test_motion_of_that_rank_comes_back_whole():
    motions = some_motion(500)
    whole = np.concatenate(motions)
    basis, explained = fit_components(motions, 4)
    coefficients = np.linalg.lstsq(basis.T, whole.T, rcond=None)[0].T
    np.testing.assert_allclose(coefficients @ basis, whole, atol=1e-3)
    assert explained.sum() == pytest.approx(1.0, abs=1e-4)


def test_zero_stays_the_face_at_rest_and_one_is_a_standard_deviation():
    motions = some_motion(600)
    whole = np.concatenate(motions)
    basis, explained = fit_components(motions, 4)
    coefficients = np.linalg.lstsq(basis.T, whole.T, rcond=None)[0].T
    np.testing.assert_allclose(np.sqrt((coefficients**2).mean(0)), 1.0, atol=0.02)
    values, vectors = np.linalg.eigh(whole.T @ whole / len(whole))
    np.testing.assert_allclose(np.abs(vectors[:, -1] @ basis[0]), values[-1] ** 0.5, rtol=0.01)
    np.testing.assert_allclose(explained, values[:-5:-1] / values.sum(), atol=0.01)


@pytest.mark.parametrize("frames", [4, 64, 127, 128, 129, 640])
def test_batches_hold_every_frame_once_and_are_never_short(frames):
    whole = np.arange(frames * 2.0).reshape(frames, 2)
    batches = list(_batches(np.array_split(whole, 5), 64))
    np.testing.assert_array_equal(np.concatenate(batches), whole)
    assert all(len(batch) >= min(64, frames) for batch in batches)
    assert all(len(batch) < 128 for batch in batches)


def test_too_little_motion_is_refused():
    with pytest.raises(UserError, match="3 frames of training motion cannot give 4 components"):
        fit_components([np.ones((3, 30), np.float32)], 4)
    with pytest.raises(UserError, match="no training motion"):
        fit_components([], 4)
