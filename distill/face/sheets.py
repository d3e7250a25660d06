"""Pictures that compare how heads wear the same shapes."""

from collections.abc import Sequence

import numpy as np
import torch

from distill.face.linear import LinearRig
from distill.face.render import contact_sheet, render_image

SHOWN = ("", "jawOpen", "mouthSmileLeft", "mouthFunnel", "eyeBlinkLeft", "browInnerUp")
"""Shapes on the picture; the first is the head at rest."""
TURN_RAD = -0.3


def shape_sheet(
    rigs: Sequence[LinearRig], shapes: Sequence[str] = SHOWN, size: int = 280
) -> np.ndarray:
    """Draw some shapes of several rigs, a row per rig, as uint8 (H W 3)."""
    images = []
    for rig in rigs:
        for name in shapes:
            motion = torch.zeros(len(rig.channels))
            motion[rig.channels.index("headYaw")] = TURN_RAD
            if name:
                motion[rig.channels.index(name)] = 1.0
            images.append(render_image(rig, motion, size=(size, size)))
    labels = [f"{rig.name}: {name or 'at rest'}" for rig in rigs for name in shapes]
    return contact_sheet(images, columns=len(shapes), labels=labels)
