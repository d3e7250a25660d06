"""Linear blend skinning (Loper et al. 2015, Li et al. 2017): vertices follow turning joints."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def skin(
    vertices: Float[Tensor, "... V 3"],
    joints: Float[Tensor, "... J 3"],
    turns: Float[Tensor, "... J 3 3"],
    parents: Sequence[int],
    weights: Float[Tensor, "V J"],
) -> Float[Tensor, "... V 3"]:
    """Turn every joint with all that hang on it, and blend what they do to each vertex.

    `v' = sum_j w_j (G_j v + t_j)`, `G_j = G_p R_j`, `t_j = x_j - G_j J_j` for joint j at `J_j`
    whose parent p has taken it to `x_j = x_p + G_p (J_j - J_p)`. A parent comes before its
    children; that of the root, -1, is not read.
    """
    turned, placed = [turns[..., 0, :, :]], [joints[..., 0, :]]
    for joint, parent in enumerate(parents[1:], 1):
        arm = (joints[..., joint, :] - joints[..., parent, :])[..., None]
        turned.append(turned[parent] @ turns[..., joint, :, :])
        placed.append(placed[parent] + (turned[parent] @ arm)[..., 0])
    world = torch.stack(turned, -3)
    shift = torch.stack(placed, -2) - (world @ joints[..., None])[..., 0]
    blended = (weights @ world.flatten(-2)).unflatten(-1, (3, 3))
    return (blended @ vertices[..., None])[..., 0] + weights @ shift
