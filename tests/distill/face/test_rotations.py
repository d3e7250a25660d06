import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from distill.errors import UserError
from distill.face.rotations import (
    KINDS,
    axis_angle_to_matrix,
    convert,
    head_angles,
    head_rotation,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    quaternion_to_matrix,
    six_to_matrix,
)

ANGLES = (0.0, 1e-12, 1e-7, 1e-4, 1e-3, 0.3, 1.5, 3.0, np.pi - 1e-4, np.pi - 1e-8, np.pi)


def vectors() -> torch.Tensor:
    """Turns of every size about random and principal axes, float64 (N 3)."""
    axes = np.random.default_rng(0).normal(size=(20, 3))
    axes = np.concatenate([axes / np.linalg.norm(axes, axis=1, keepdims=True), np.eye(3)])
    return torch.tensor(np.concatenate([axes * angle for angle in ANGLES]))


def matrices() -> torch.Tensor:
    return torch.tensor(Rotation.from_rotvec(vectors().numpy()).as_matrix())


def test_matrices_are_those_of_scipy():
    np.testing.assert_allclose(axis_angle_to_matrix(vectors()), matrices(), atol=1e-14)
    quaternions = Rotation.from_rotvec(vectors().numpy()).as_quat()[:, [3, 0, 1, 2]]
    found = quaternion_to_matrix(torch.tensor(quaternions) * 3.0)
    np.testing.assert_allclose(found, matrices(), atol=1e-14)


def test_vectors_and_quaternions_of_a_matrix_are_those_of_scipy():
    below = vectors().norm(dim=-1) < 3.1  # at half a turn both signs are right
    np.testing.assert_allclose(matrix_to_axis_angle(matrices())[below], vectors()[below], atol=1e-9)
    scipy = Rotation.from_matrix(matrices().numpy()).as_quat(canonical=True)[:, [3, 0, 1, 2]]
    found = matrix_to_quaternion(matrices())
    np.testing.assert_allclose(found[below], scipy[below], atol=1e-12)
    assert (found[:, 0] >= 0).all()


@pytest.mark.parametrize(("kind", "to"), list(itertools.product(KINDS, KINDS)))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_pair_is_a_round_trip_through_the_same_rotation(kind, to, dtype):
    tolerance = 2e-6 if dtype == torch.float32 else 1e-9
    rotations = matrices().to(dtype)
    there = convert(convert(rotations, "matrix", kind), kind, to)
    assert there.dtype == dtype
    back = convert(convert(there, to, kind), kind, "matrix")
    np.testing.assert_allclose(back, rotations, atol=tolerance)


def test_leading_axes_stay_as_they_are():
    rotations = matrices()[:24].reshape(2, 3, 4, 3, 3)
    for kind in KINDS:
        written = convert(rotations, "matrix", kind)
        assert written.shape[:3] == (2, 3, 4)
        single = convert(rotations[1, 2, 3], "matrix", kind)
        assert torch.equal(written[1, 2, 3], single)


def test_six_numbers_are_the_first_two_columns_and_any_six_make_a_rotation():
    rotations = matrices()
    assert torch.equal(
        convert(rotations, "matrix", "6d"), torch.cat([rotations[..., 0], rotations[..., 1]], -1)
    )
    free = torch.randn(50, 6, dtype=torch.float64)
    made = six_to_matrix(free)
    identity = torch.eye(3, dtype=torch.float64).expand(50, 3, 3)
    np.testing.assert_allclose(made @ made.mT, identity, atol=1e-12)
    np.testing.assert_allclose(torch.linalg.det(made), 1.0, atol=1e-12)
    np.testing.assert_allclose(made[:, :, 0], free[:, :3] / free[:, :3].norm(dim=1, keepdim=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-4, 1.0, np.pi - 1e-3, np.pi])
def test_gradients_are_finite_and_flow_at_every_turn(kind, angle, dtype):
    turn = torch.tensor([0.6, 0.0, 0.8], dtype=dtype) * angle
    for to in KINDS:
        start = convert(turn, "axis_angle", kind).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(convert(start, kind, to)[..., 0].sum(), start)
        assert torch.isfinite(gradient).all()
    start = convert(turn, "axis_angle", kind).detach().requires_grad_()
    moved = convert(start, kind, "matrix") @ torch.tensor([0.3, 0.5, -0.2], dtype=dtype)
    (gradient,) = torch.autograd.grad(moved.sum(), start)
    assert gradient.abs().max() > 0.1


def test_the_gradient_at_no_turn_is_the_cross_product():
    point = torch.tensor([0.3, -0.5, 0.7], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: axis_angle_to_matrix(v) @ point, zero)
    for i in range(3):
        axis = torch.eye(3, dtype=torch.float64)[i]
        np.testing.assert_allclose(jacobian[:, i], torch.linalg.cross(axis, point), atol=1e-12)
    eye = torch.eye(3, dtype=torch.float64)
    back = torch.autograd.functional.jacobian(
        lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)), zero
    )
    np.testing.assert_allclose(back, eye, atol=1e-12)


@pytest.mark.parametrize("turn", [[1e-4, 2e-4, -1e-4], [0.3, -0.2, 0.9], [2.0, 1.0, -1.5]])
def test_gradients_agree_with_finite_differences(turn):
    start = torch.tensor(turn, dtype=torch.float64, requires_grad=True)
    for kind in KINDS:
        torch.autograd.gradcheck(lambda v, k=kind: convert(v, "axis_angle", k), (start,))
        written = convert(start.detach(), "axis_angle", kind).requires_grad_()
        torch.autograd.gradcheck(
            lambda v, k=kind: convert(v, k, "axis_angle"), (written,), atol=1e-5
        )


def test_head_angles_are_those_of_scipy_and_come_back():
    angles = torch.tensor(np.random.default_rng(1).uniform(-1.4, 1.4, (50, 3)))
    signed = angles.numpy() * [-1, 1, 1]
    expected = Rotation.from_euler("YXZ", signed).as_matrix()
    np.testing.assert_allclose(head_rotation(angles), expected, atol=1e-12)
    np.testing.assert_allclose(head_angles(head_rotation(angles)), angles, atol=1e-12)


def test_an_unknown_kind_names_those_there_are():
    with pytest.raises(UserError, match=r"'euler'.*6d, axis_angle, matrix, quaternion"):
        convert(torch.zeros(3), "axis_angle", "euler")
