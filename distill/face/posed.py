"""Vertices of moving faces, head rotation included."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from distill.face.rotations import head_rotation
from distill.protocols import Rig

CHUNK_FRAMES = 32


def pivot_of(rig: Rig) -> Float[Tensor, " 3"]:
    """Return the point that the head turns about."""
    return getattr(rig, "pivot", rig.neutral.mean(0)).cpu()


def posed_frames(rig: Rig, motion: Float[Tensor, "F D"]) -> Iterator[Float[np.ndarray, "V 3"]]:
    """Yield the vertices of every frame of raw motion, in the rig's units.

    Head rotation, of rigs that have one, is applied; memory stays flat however long the motion is.
    """
    pivot, head = pivot_of(rig), rig.groups["head"].cpu()
    for chunk in motion.split(CHUNK_FRAMES):
        with torch.no_grad():
            vertices = rig.to_vertices(chunk.to(rig.neutral)).float().cpu()
            if len(head):
                turn = head_rotation(chunk.float().cpu()[:, head])
                vertices = (vertices - pivot) @ turn.mT + pivot
        yield from vertices.numpy()
