"""Names of the ARKit face channels, in the column order of Live Link Face; and of a lip contour."""

ARKIT_52: tuple[str, ...] = (
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawRight",
    "jawLeft",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRight",
    "mouthLeft",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)
"""The 52 shapes of Apple's ARFaceAnchor.BlendShapeLocation, weights in [0, 1]."""

HEAD: tuple[str, ...] = ("headYaw", "headPitch", "headRoll")
"""Head rotation in radians, in the order of a Live Link Face recording.

Signs are those of the recordings' eye rotations: positive yaw turns to the character's right,
positive pitch looks down; positive roll leans to the character's right shoulder.
"""

ARKIT_CHANNELS: tuple[str, ...] = ARKIT_52 + HEAD
"""Channels of the `arkit` and `ict` rigs, D = 55."""

LIP_POINTS = 20
"""0 is the left corner of the picture, 1-9 the upper lip, 10 the right corner, 11-19 the lower lip
back to the left."""

LANDMARK_CHANNELS: tuple[str, ...] = tuple(
    f"lip{i:02d}{axis}" for i in range(LIP_POINTS) for axis in "XY"
)
"""Channels of the `landmarks` rig, D = 40."""

UPPER: tuple[str, ...] = tuple(n for n in ARKIT_52 if n.startswith(("eye", "brow")))
"""Eyes and brows: shapes that move no lip vertex."""

MOUTH: tuple[str, ...] = tuple(n for n in ARKIT_52 if n not in UPPER)
"""Jaw, mouth, cheeks, nose and tongue."""


def mirrored(name: str) -> str:
    """Return the channel of the other side (`mouthLeft` -> `mouthRight`), or `name` itself."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    if name.endswith("Right"):
        return name.removesuffix("Right") + "Left"
    return name
