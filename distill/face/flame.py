"""The `flame` rig: the head model of Li et al. (SIGGRAPH Asia 2017) from the user's copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from distill.errors import UserError
from distill.face.flame_files import JOINTS, FlameModel, read_masks, read_model
from distill.face.flame_regions import Regions, derived, masked
from distill.face.linear import on_device
from distill.face.names import HEAD
from distill.face.rotations import axis_angle_to_matrix
from distill.face.skinning import skin

MM_PER_M = 1000.0
JAW: tuple[str, ...] = ("jawX", "jawY", "jawZ")
"""Axis-angle of the jaw in radians; it opens about x."""
EYES = [JOINTS.index("eye_left"), JOINTS.index("eye_right")]
SKIN, LIP, EYE = (0.88, 0.69, 0.60), (0.74, 0.40, 0.39), (0.93, 0.92, 0.90)


@dataclass(eq=False, kw_only=True)
class FlameRig:
    """A face shaped by expressions and posed by its jaw; implements `distill.protocols.Rig`.

    Attributes:
        expression: Displacement per unit of each expression (E V 3).
        joints: Where the five joints are at rest (5 3).
        joint_expression: How expressions move the joints (E 5 3).
        pose: Displacement per entry of the turns of all joints but the root, less 1 (36 V 3).
        parents: Parent of each joint.
        weights: How much each vertex follows each joint (V 5).
        colors: Diffuse colour of each vertex (V 3).
        pivot: The root joint, which the head turns about (3,), used when rendering.
    """

    name: str
    channels: tuple[str, ...]
    groups: dict[str, Int[Tensor, " _"]]
    neutral: Float[Tensor, "V 3"]
    triangles: Int[Tensor, "T 3"]
    lips: Int[Tensor, " L"]
    upper: Int[Tensor, " U"]
    lip_pairs: Int[Tensor, "P 2"]
    expression: Float[Tensor, "E V 3"]
    joints: Float[Tensor, "5 3"]
    joint_expression: Float[Tensor, "E 5 3"]
    pose: Float[Tensor, "36 V 3"]
    parents: tuple[int, ...]
    weights: Float[Tensor, "V 5"]
    colors: Float[Tensor, "V 3"]
    pivot: Float[Tensor, " 3"]
    units: str = "mm"

    def to_vertices(
        self, motion: Float[Tensor, "... D"], vertices: Int[Tensor, " N"] | None = None
    ) -> Float[Tensor, "... V 3"]:
        """Shape the face in the head's own frame, differentiably, in mm.

        `vertices` restricts the result to those indices, at proportionally lower cost.
        """
        count = len(self.expression)
        amounts, jaw = motion[..., :count], motion[..., count : count + len(JAW)]
        still = torch.zeros_like(jaw)
        turns = axis_angle_to_matrix(
            torch.stack([jaw if joint == "jaw" else still for joint in JOINTS], -2)
        )
        return self.posed(amounts, turns, vertices)

    def posed(
        self,
        amounts: Float[Tensor, "... E"],
        turns: Float[Tensor, "... 5 3 3"],
        vertices: Int[Tensor, " N"] | None = None,
    ) -> Float[Tensor, "... V 3"]:
        """Return `W(T + B_E + B_P, J, turns)` of the paper for expressions and joint turns, in mm.

        Joints are regressed from the face with its expression, as in the published code.
        """
        neutral, expression = self.neutral, self.expression
        pose, weights = self.pose, self.weights
        if vertices is not None:
            neutral, expression = neutral[vertices], expression[:, vertices]
            pose, weights = pose[:, vertices], weights[vertices]
        bent = (turns[..., 1:, :, :] - torch.eye(3).to(turns)).flatten(-3)
        moved = amounts @ expression.flatten(1) + bent @ pose.flatten(1)
        joints = self.joints + (amounts @ self.joint_expression.flatten(1)).unflatten(-1, (5, 3))
        return skin(
            neutral + moved.unflatten(-1, neutral.shape), joints, turns, self.parents, weights
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "FlameRig":
        """Return a copy with every tensor on `device`."""
        return on_device(self, device, non_blocking=non_blocking)


def expression_names(count: int) -> tuple[str, ...]:
    """Return the channel names of the first `count` expressions."""
    return tuple(f"expression{i:03d}" for i in range(count))


def flame_channels(expressions: int) -> tuple[str, ...]:
    """Return the channels of the rig: expressions, jaw, head (yaw, pitch, roll in radians)."""
    return (*expression_names(expressions), *JAW, *HEAD)


def build_rig(
    path: str | Path | None = None,
    expressions: int = 50,
    shape: Sequence[float] | None = None,
    masks: str | Path | None = None,
) -> FlameRig:
    """Build the rig from the user's FLAME file, in mm.

    Args:
        path: `generic_model.pkl` of FLAME 2017, 2019, 2020 or 2023, or an npz of its arrays.
        expressions: How many of the expressions are channels, from the first.
        shape: Identity weights, up to 300; the mean face when absent.
        masks: `FLAME_masks.pkl`, or an npz with `lips`, `upper` and perhaps `lip_pairs`. Without,
            lips are a band around the line where the jaw opens them, which is not the mask that
            papers measure on.

    Raises:
        UserError: No path, not FLAME, or more expressions or shapes than it has.
    """
    model, shape = read_model(path), list(shape or [])
    if not 1 <= expressions <= len(model.expression) or len(shape) > len(model.shape):
        raise UserError(
            f"rig.expressions={expressions} and {len(shape)} values of rig.shape: {path} has "
            f"{len(model.expression)} expressions and {len(model.shape)} shapes"
        )
    amounts = np.array(shape, np.float32)
    neutral = model.template + np.tensordot(amounts, model.shape[: len(shape)], 1)
    rig = _bare(model, neutral * np.float32(MM_PER_M), expressions)
    rig.lips, rig.upper, rig.lip_pairs = (torch.tensor(v) for v in _regions(rig, masks))
    rig.colors[rig.lips] = torch.tensor(LIP)
    return rig


def _bare(model: FlameModel, neutral: np.ndarray, expressions: int) -> FlameRig:
    """Return the rig in mm without its regions."""
    basis = model.expression[:expressions] * MM_PER_M
    joints = model.regressor @ neutral
    eyes = model.weights[:, EYES].sum(1) > 0.5
    none, mouth = torch.zeros(0, dtype=torch.long), expressions + len(JAW)
    return FlameRig(
        name="flame",
        channels=flame_channels(expressions),
        groups={
            "mouth": torch.arange(mouth), "upper": none, "head": mouth + torch.arange(len(HEAD))
        },
        neutral=torch.tensor(neutral),
        triangles=torch.tensor(model.triangles),
        lips=none,
        upper=none,
        lip_pairs=none.reshape(0, 2),
        expression=torch.tensor(basis),
        joints=torch.tensor(joints),
        joint_expression=torch.tensor(model.regressor @ basis),
        pose=torch.tensor(model.pose * MM_PER_M),
        parents=model.parents,
        weights=torch.tensor(model.weights),
        colors=torch.tensor(np.where(eyes[:, None], EYE, SKIN)).float(),
        pivot=torch.tensor(joints[0]),
    )  # fmt: skip


def _regions(rig: FlameRig, masks: str | Path | None) -> Regions:
    neutral, weights = rig.neutral.numpy(), rig.weights.numpy()
    jaw = weights[:, JOINTS.index("jaw")]
    if masks is not None:
        return masked(read_masks(masks), neutral, jaw)
    return derived(neutral, jaw, rig.joints[EYES].numpy(), weights[:, EYES].sum(1) > 0.5)
