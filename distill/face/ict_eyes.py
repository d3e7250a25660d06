"""Eyeballs of ICT-FaceKit: its look shapes move the lids alone, so the rig turns the eyes."""

import numpy as np
import torch
from jaxtyping import Float

from distill.face.livelink import EYE_PITCH_RAD, EYE_YAW_RAD
from distill.face.rotations import head_rotation

LOOKS: dict[str, tuple[float, float]] = {
    "eyeLookInLeft": (EYE_YAW_RAD, 0.0),
    "eyeLookOutLeft": (-EYE_YAW_RAD, 0.0),
    "eyeLookInRight": (-EYE_YAW_RAD, 0.0),
    "eyeLookOutRight": (EYE_YAW_RAD, 0.0),
} | {
    f"eyeLook{way}{side}": (0.0, pitch)
    for side in ("Left", "Right")
    for way, pitch in (("Down", EYE_PITCH_RAD), ("Up", -EYE_PITCH_RAD))
}
"""Yaw (to the character's right) and pitch (down) of an eye at weight 1 of its shape, in radians,
as recordings of Live Link Face have them."""


def eye_center(ball: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " 3"]:
    """Return the middle of the sphere that fits an eyeball best."""
    terms = np.concatenate([2 * ball, np.ones((len(ball), 1))], 1).astype(np.float64)
    return np.linalg.lstsq(terms, (ball.astype(np.float64) ** 2).sum(1), rcond=None)[0][:3]


def gaze(shape: str, ball: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Return the displacement of an eyeball at weight 1 of a look shape of its side.

    The turn is exact at weights 0 and 1; between, the eye moves on the chord, as blendshapes do.
    """
    yaw, pitch = LOOKS[shape]
    turn = head_rotation(torch.tensor([yaw, pitch, 0.0], dtype=torch.float64)).numpy()
    offset = ball - eye_center(ball)
    return offset @ turn.T - offset
