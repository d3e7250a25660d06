"""Names of ICT-FaceKit: expressions, landmark vertices and parts, and their ARKit meaning."""

import numpy as np
from jaxtyping import Float

from distill.face.names import ARKIT_52

_SIDED = ("browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekSquint", "eyeBlink",
          "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide",
          "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimple", "mouthFrown",
          "mouthFunnel", "mouthLeft", "mouthLowerDown", "mouthPress", "mouthPucker", "mouthRight",
          "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmile",
          "mouthStretch", "mouthUpperUp", "noseSneer")  # fmt: skip
_WHOLE = {"jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft",
          "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
          "mouthShrugUpper"}  # fmt: skip

ICT_53: tuple[str, ...] = tuple(
    name for stem in _SIDED for name in ([stem] if stem in _WHOLE else [f"{stem}_L", f"{stem}_R"])
)
"""The expressions of ICT-FaceKit in the order of its `vertex_indices.json`."""

LANDMARKS_68: tuple[int, ...] = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
)  # fmt: skip
"""Vertices of the 68 Multi-PIE landmarks, `idx_to_landmark_verts` of `vertex_indices.json`."""

PARTS: dict[str, tuple[int, int]] = {
    "face": (0, 9409), "head_and_neck": (9409, 11248), "mouth_socket": (11248, 13294),
    "eye_socket_left": (13294, 13678), "eye_socket_right": (13678, 14062),
    "gums_and_tongue": (14062, 17039), "teeth": (17039, 21451), "eyeball_left": (21451, 23021),
    "eyeball_right": (23021, 24591),
}  # fmt: skip
"""Vertex ranges of the parts that are drawn (table of the ICT-FaceKit README)."""


def ict_sources(name: str) -> tuple[str, ...]:
    """Return the ICT expressions that make up one ARKit shape; none for `tongueOut`."""
    whole = name.replace("Left", "_L").replace("Right", "_R")
    for candidates in ((name,), (whole,), (f"{name}_L", f"{name}_R")):
        if all(c in ICT_53 for c in candidates):
            return candidates
    return ()


def ict_to_arkit(weights: Float[np.ndarray, "F 53"]) -> Float[np.ndarray, "F 52"]:
    """Convert weights in `ICT_53` order to `ARKIT_52` order.

    Sides keep their side; `browInnerUp` and `cheekPuff`, one shape in ARKit, take the mean of the
    ICT sides; `tongueOut`, which ICT lacks, is zero.
    """
    out = np.zeros((len(weights), len(ARKIT_52)), weights.dtype)
    for i, name in enumerate(ARKIT_52):
        sources = [ICT_53.index(s) for s in ict_sources(name)]
        if sources:
            out[:, i] = weights[:, sources].mean(1)
    return out
