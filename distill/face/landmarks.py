"""The `landmarks` rig: the outer lip contour of a picture, 20 points in pixels.

A face that was measured in a video and not in space: vertices lie in the plane z = 0, x points to
the right of the picture and y up, and the origin is the middle of the mouth. Channels are how far
each point is from the contour at rest, so motion of zeros is a closed mouth. There are no eyes, no
brows and no head: the groups `upper` and `head` are empty.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float

from distill.face.linear import LinearRig
from distill.face.names import LANDMARK_CHANNELS, LIP_POINTS

LEFT, RIGHT = 0, LIP_POINTS // 2
"""Points at the corners of the mouth."""
HALF_WIDTH_PX, HALF_HEIGHT_PX = 16.0, 9.0
"""Size of the closed mouth, lips included, in the 64 x 48 pixels that GRID's contours lie in."""
SHOWN_PX = 48.0
LIP_COLOR = (0.74, 0.40, 0.39)


def rest_contour() -> Float[np.ndarray, "20 2"]:
    """Return the closed mouth in pixels: an ellipse at evenly spaced x, y up."""
    share = np.linspace(-1.0, 1.0, RIGHT + 1)
    height = HALF_HEIGHT_PX * np.sqrt(1.0 - share**2)
    upper = np.stack([HALF_WIDTH_PX * share, height], 1)
    lower = upper[RIGHT - 1 : LEFT : -1] * (1.0, -1.0)
    return np.concatenate([upper, lower]).astype(np.float32)


def facing() -> list[tuple[int, int]]:
    """Return the points of upper and lower lip that lie above each other, upper first."""
    return [(point, LIP_POINTS - point) for point in range(LEFT + 1, RIGHT)]


def _triangles() -> list[tuple[int, int, int]]:
    """Fill the contour: two triangles between neighbouring pairs, one at each corner."""
    pairs = facing()
    found = [(LEFT, pairs[0][1], pairs[0][0]), (pairs[-1][0], pairs[-1][1], RIGHT)]
    for (upper, lower), (next_upper, next_lower) in pairwise(pairs):
        found += [(upper, lower, next_upper), (next_upper, lower, next_lower)]
    return found


@lru_cache(maxsize=1)
def build_rig() -> LinearRig:
    """Build the rig; lengths are pixels."""
    rest = torch.zeros(LIP_POINTS, 3)
    rest[:, :2] = torch.from_numpy(rest_contour())
    basis = torch.zeros(LIP_POINTS, 2, LIP_POINTS, 3)
    for point in range(LIP_POINTS):
        basis[point, :, point, :2] = torch.eye(2)
    nothing = torch.zeros(0, dtype=torch.long)
    return LinearRig(
        name="landmarks",
        channels=LANDMARK_CHANNELS,
        groups={"mouth": torch.arange(len(LANDMARK_CHANNELS)), "upper": nothing, "head": nothing},
        neutral=rest,
        triangles=torch.tensor(_triangles()),
        lips=torch.arange(LIP_POINTS),
        upper=nothing,
        lip_pairs=torch.tensor(facing()),
        basis=basis.flatten(0, 1),
        colors=torch.tensor(LIP_COLOR).expand(LIP_POINTS, 3).contiguous(),
        pivot=torch.zeros(3),
        view=(0.0, SHOWN_PX),
        units="px",
    )
