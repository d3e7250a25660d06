"""The `mesh` rig: a user's own head with the ARKit shapes that retargeting gave it."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from distill.face.linear import LinearRig, channel_groups
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.face.retarget.store import Kept, read_shapes

SKIN, LIPS = (0.88, 0.70, 0.61), (0.74, 0.43, 0.41)
PORTRAIT_MM = 230.0


@lru_cache(maxsize=2)
def build_rig(path: str | Path) -> LinearRig:
    """Build the rig from a file of `python -m distill.retarget`, in mm, y up and z forward.

    Raises:
        UserError: The file is missing or foreign.
    """
    return rig_of(read_shapes(path))


def rig_of(kept: Kept) -> LinearRig:
    """Return the rig of a mesh with shapes."""
    neutral = kept.to_mm(kept.points)
    basis = np.zeros((len(ARKIT_CHANNELS), *neutral.shape))
    basis[[ARKIT_CHANNELS.index(n) for n in ARKIT_52]] = kept.to_mm(kept.shapes)
    colors = np.tile(SKIN, (len(neutral), 1))
    colors[kept.lips] = LIPS
    mouth = neutral[kept.lips].mean(0)
    middle = float(mouth[1] + neutral[kept.upper, 1].mean()) / 2
    close, jaw = ARKIT_CHANNELS.index("mouthClose"), ARKIT_CHANNELS.index("jawOpen")
    return LinearRig(
        name="mesh",
        channels=ARKIT_CHANNELS,
        groups=channel_groups(ARKIT_CHANNELS),
        neutral=torch.tensor(neutral).float(),
        triangles=torch.tensor(kept.triangles),
        lips=torch.tensor(kept.lips),
        upper=torch.tensor(kept.upper),
        lip_pairs=torch.tensor(kept.lip_pairs),
        basis=torch.tensor(basis).float(),
        colors=torch.tensor(colors).float(),
        pivot=torch.tensor([mouth[0], mouth[1] - 30.0, mouth[2] - 90.0]).float(),
        view=(middle, PORTRAIT_MM),
        capped=((close, jaw, closing_share(basis, kept.lip_pairs)),),
    )


def closing_share(basis: np.ndarray, pairs: np.ndarray) -> float:
    """Share of `mouthClose` that brings the lips of the open jaw back to their gap at rest."""
    close, jaw = ARKIT_CHANNELS.index("mouthClose"), ARKIT_CHANNELS.index("jawOpen")
    if not len(pairs):
        return 1.0
    height = basis[:, pairs, 1]
    widened = (height[..., 0] - height[..., 1]).mean(-1)
    opened, closed = widened[jaw], -widened[close]
    return float(np.clip(opened / closed, 0, 1)) if closed > 1e-6 else 1.0
