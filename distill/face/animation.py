"""A moving face as animation tools keep it: blend shapes, joints, and what both do in every frame.

`vertex = sum_j w_j T_j (rest + sum_k a_k shape_k)`: T_j takes joint j from rest to where it is.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from distill.errors import UserError
from distill.face.flame import JAW, FlameRig
from distill.face.flame_files import JOINTS
from distill.face.glb import Morphs
from distill.face.linear import LinearRig
from distill.face.posed import pivot_of
from distill.face.raster import vertex_normals
from distill.face.rotations import axis_angle_to_matrix, head_rotation, matrix_to_quaternion
from distill.protocols import Rig

M_PER_MM = 0.001
JAW_BENDS = tuple(f"jawBend{row}{column}" for row in range(3) for column in range(3))
"""Correctives of FLAME, each as strong as its entry of the jaw's rotation matrix less 1."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Animation:
    """A mesh with blend shapes and joints, and their movement; lengths in metres.

    Attributes:
        morphs: The mesh and its shapes.
        amounts: Amount of each shape in each frame.
        joints: Names of the joints; a parent comes before its children.
        parents: Parent of each joint; the root's is -1.
        places: Where joints are at rest.
        bound: How much each vertex follows each joint.
        turns: Rotation of each joint against its parent, as quaternion (x, y, z, w).
        offsets: Place of each joint as its parent sees it.
        fps: Frames per second.
    """

    morphs: Morphs
    amounts: Float[np.ndarray, "F K"]
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    places: Float[np.ndarray, "J 3"]
    bound: Float[np.ndarray, "V J"]
    turns: Float[np.ndarray, "F J 4"]
    offsets: Float[np.ndarray, "F J 3"]
    fps: float

    @property
    def arms(self) -> Float[np.ndarray, "J 3"]:
        """Place of each joint at rest as its parent sees it."""
        return arms(self.places, self.parents)


def arms(places: Float[np.ndarray, "J 3"], parents: tuple[int, ...]) -> Float[np.ndarray, "J 3"]:
    """Return places of joints less those of their parents."""
    return np.stack(
        [at - places[parent] * (parent >= 0) for at, parent in zip(places, parents, strict=True)]
    )


def animation_of(rig: Rig, motion: Float[Tensor, "F D"], fps: float) -> Animation:
    """Return raw motion of a rig as blend shapes and joints that give the very same vertices.

    Raises:
        UserError: The rig moves its vertices one by one.
    """
    if isinstance(rig, FlameRig):
        return _of_flame(rig, motion, fps)
    if isinstance(rig, LinearRig) and len(rig.basis) == len(rig.channels):
        return _of_linear(rig, motion, fps)
    raise UserError(
        f"rig {rig.name!r} has no blend shapes, it moves every vertex on its own; write .obj or "
        ".ply, or make a basis with `python -m distill.data basis`"
    )


def _of_linear(rig: LinearRig, motion: Tensor, fps: float) -> Animation:
    shapes = torch.cat([rig.groups["mouth"], rig.groups["upper"]]).sort().values
    pivot, frames = pivot_of(rig).numpy() * M_PER_MM, len(motion)
    return Animation(
        morphs=_morphs(rig, rig.basis[shapes], tuple(rig.channels[i] for i in shapes)),
        amounts=rig.effective(motion)[:, shapes].numpy(),
        joints=("head",),
        parents=(-1,),
        places=pivot[None],
        bound=np.ones((len(rig.neutral), 1), np.float32),
        turns=_head(rig, motion)[:, None].numpy(),
        offsets=np.tile(pivot, (frames, 1, 1)),
        fps=fps,
    )


def _of_flame(rig: FlameRig, motion: Tensor, fps: float) -> Animation:
    """Return FLAME's skeleton; the jaw's joint gives way to the expression, as in `posed`."""
    count, jaw = len(rig.expression), JOINTS.index("jaw")
    amounts, turn = motion[:, :count], axis_angle_to_matrix(motion[:, count : count + len(JAW)])
    bend = turn - torch.eye(3)
    entries = slice(9 * (jaw - 1), 9 * jaw)
    shapes = torch.cat([rig.expression, rig.pose[entries]])
    turns = torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(len(motion), len(JOINTS), 1)
    turns[:, 0], turns[:, jaw] = _head(rig, motion), _xyzw(turn)
    places = rig.joints.numpy() * M_PER_MM
    offsets = np.tile(arms(places, rig.parents), (len(motion), 1, 1))
    given = amounts @ rig.joint_expression[:, jaw]
    offsets[:, jaw] -= (bend @ given[..., None])[..., 0].numpy() * M_PER_MM
    return Animation(
        morphs=_morphs(rig, shapes, (*rig.channels[:count], *JAW_BENDS)),
        amounts=torch.cat([amounts, bend.flatten(1)], 1).numpy(),
        joints=JOINTS,
        parents=rig.parents,
        places=places,
        bound=rig.weights.numpy(),
        turns=turns.numpy(),
        offsets=offsets,
        fps=fps,
    )


def _morphs(rig: LinearRig | FlameRig, shapes: Tensor, names: tuple[str, ...]) -> Morphs:
    points, triangles = rig.neutral.numpy(), rig.triangles.numpy()
    return Morphs(
        points=points * M_PER_MM,
        triangles=triangles,
        shapes=shapes.numpy() * M_PER_MM,
        names=names,
        normals=vertex_normals(points.astype(np.float32), triangles),
        colors=rig.colors.numpy(),
    )


def _head(rig: Rig, motion: Tensor) -> Float[Tensor, "F 4"]:
    """Return the rotation of the head, or none for rigs without a head."""
    head = rig.groups["head"]
    angles = motion[:, head] if len(head) else motion.new_zeros(len(motion), 3)
    return _xyzw(head_rotation(angles))


def _xyzw(matrix: Float[Tensor, "F 3 3"]) -> Float[Tensor, "F 4"]:
    return matrix_to_quaternion(matrix).roll(-1, -1)
