"""Rotations as 6D vectors, axis-angle, quaternions and matrices: batched, differentiable.

Any pair is converted by way of matrices, which act on columns (`R @ v`). Values and gradients are
finite and exact to rounding everywhere, at no turn and at half turns too.
"""

from collections.abc import Callable
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from distill.errors import UserError

_HEAD_AXES = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
"""Axes of yaw, pitch and roll with the signs of Live Link Face."""


def six_to_matrix(six: Float[Tensor, "... 6"]) -> Float[Tensor, "... 3 3"]:
    """Orthonormalize the first two columns of a matrix, one after the other (Zhou et al. 2019).

    Some libraries keep rows instead: transpose the result for theirs.
    """
    first = normalize(six[..., :3], dim=-1)
    second = six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdim=True) * first
    second = normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def matrix_to_six(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 6"]:
    """Return the first two columns, one after the other."""
    return matrix[..., :2].mT.flatten(-2)


def axis_angle_to_matrix(vector: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Rotate about `vector` by its length in radians (Rodrigues).

    `R = I + sin(a)/a K + (1 - cos(a))/a^2 K^2`, K the cross product with the vector.
    """
    angle = torch.linalg.vector_norm(vector, dim=-1)[..., None, None] / torch.pi
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    turned = torch.sinc(angle) * cross + 0.5 * torch.sinc(angle / 2).square() * (cross @ cross)
    return turned + torch.eye(3, dtype=vector.dtype, device=vector.device)


def matrix_to_axis_angle(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3"]:
    """Return the rotation vector, of length 0 to pi."""
    quaternion = matrix_to_quaternion(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    square = imaginary.square().sum(-1, keepdim=True)
    small = square < 1e-6
    sine = torch.where(small, torch.ones_like(square), square).sqrt()
    near = (1 - square / (3 * real.clamp(min=0.5).square())) / real.clamp(min=0.5)
    return 2 * imaginary * torch.where(small, near, torch.atan2(sine, real) / sine)


def quaternion_to_matrix(quaternion: Float[Tensor, "... 4"]) -> Float[Tensor, "... 3 3"]:
    """Return the matrix of a quaternion (w, x, y, z) of any length but 0."""
    w, x, y, z = normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def matrix_to_quaternion(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 4"]:
    """Return the unit quaternion (w, x, y, z) with w >= 0.

    The entries of the matrix give `4 q q^T`, every row of it a multiple of q; the longest is taken.
    """
    a, b, c, d, e, f, g, h, i = matrix.flatten(-2).unbind(-1)
    outer = [
        1 + a + e + i, h - f, c - g, d - b,
        h - f, 1 + a - e - i, b + d, c + g,
        c - g, b + d, 1 - a + e - i, f + h,
        d - b, c + g, f + h, 1 - a - e + i,
    ]  # fmt: skip
    rows = torch.stack(outer, -1).unflatten(-1, (4, 4))
    longest = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None]
    row = rows.gather(-2, longest.expand(*longest.shape[:-1], 4)).squeeze(-2)
    quaternion = normalize(row, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def _matrix(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3 3"]:
    return matrix


KINDS: MappingProxyType[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = (
    MappingProxyType(
        {
            "6d": (six_to_matrix, matrix_to_six),
            "axis_angle": (axis_angle_to_matrix, matrix_to_axis_angle),
            "matrix": (_matrix, _matrix),
            "quaternion": (quaternion_to_matrix, matrix_to_quaternion),
        }
    )
)
"""Ways to write a rotation: into a matrix and back."""


def convert(rotation: Tensor, kind: str, to: str) -> Tensor:
    """Write rotations of one of `KINDS` in another; leading axes stay as they are.

    Raises:
        UserError: No such kind.
    """
    for name in (kind, to):
        if name not in KINDS:
            raise UserError(f"no rotation is written as {name!r}; choose from {', '.join(KINDS)}")
    return KINDS[to][1](KINDS[kind][0](rotation))


def head_rotation(angles: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Rotation matrices of (yaw, pitch, roll) in radians, Live Link Face signs.

    Yaw turns to the character's right, pitch looks down, roll leans to the character's right; the
    head rolls first and yaws last.
    """
    turns = axis_angle_to_matrix(angles[..., None] * angles.new_tensor(_HEAD_AXES))
    return turns[..., 0, :, :] @ turns[..., 1, :, :] @ turns[..., 2, :, :]


def head_angles(matrix: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 3"]:
    """Return (yaw, pitch, roll) in radians, the inverse of `head_rotation`; pitch within pi/2."""
    flat = torch.hypot(matrix[..., 1, 0], matrix[..., 1, 1])
    yaw = torch.atan2(-matrix[..., 0, 2], matrix[..., 2, 2])
    pitch = torch.atan2(-matrix[..., 1, 2], flat)
    return torch.stack([yaw, pitch, torch.atan2(matrix[..., 1, 0], matrix[..., 1, 1])], -1)
