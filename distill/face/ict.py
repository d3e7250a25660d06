"""The `ict` rig: ICT-FaceKit driven by ARKit channels."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from distill.errors import UserError
from distill.face.ict_eyes import LOOKS, gaze
from distill.face.ict_files import IDENTITIES, IctModel, narrow, read_model
from distill.face.ict_names import ICT_53, ict_sources, ict_to_arkit
from distill.face.linear import LinearRig, channel_groups
from distill.face.names import ARKIT_CHANNELS

__all__ = ["build_rig", "ict_to_arkit"]

MM_PER_CM = 10.0
INNER_PAIRS = ((61, 67), (62, 66), (63, 65))
"""Facing inner-lip landmarks (Multi-PIE numbers), upper first."""
COLORS = {
    "face": (0.90, 0.715, 0.625), "head_and_neck": (0.88, 0.69, 0.60), "teeth": (0.90, 0.87, 0.80),
    "mouth_socket": (0.35, 0.12, 0.12), "gums_and_tongue": (0.66, 0.31, 0.31),
    "eye_socket_left": (0.8, 0.58, 0.52), "eye_socket_right": (0.8, 0.58, 0.52),
    "eyeball_left": (0.93, 0.92, 0.90), "eyeball_right": (0.93, 0.92, 0.90),
}  # fmt: skip


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Even-odd test of points (N 2) against a closed polygon (P 2)."""
    a, b = polygon, np.roll(polygon, -1, 0)
    x, y = points[:, :1], points[:, 1:]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    slope = (b[:, 0] - a[:, 0]) / np.where(a[:, 1] == b[:, 1], 1e-12, b[:, 1] - a[:, 1])
    return (crosses & (x < a[:, 0] + slope * (y - a[:, 1]))).sum(1) % 2 == 1


def _along(landmarks: np.ndarray, closed: bool) -> np.ndarray:
    """Points every 1/8 of a segment along a chain of landmarks (N 3)."""
    ends = np.roll(landmarks, -1, 0) if closed else landmarks[1:]
    starts = landmarks if closed else landmarks[:-1]
    share = np.arange(8)[:, None, None] / 8
    return (starts + (ends - starts) * share).reshape(-1, 3)


def _distance(points: np.ndarray, chain: np.ndarray) -> np.ndarray:
    from scipy.spatial import KDTree

    return KDTree(chain).query(points)[0]


def lip_vertices(model: IctModel, neutral: np.ndarray) -> np.ndarray:
    """Skin vertices of the red of the lips: inside or within 1.5 mm of the outer lip landmarks,
    and within 7 mm of a lip landmark line in depth too, so that the lining is left out."""
    marks = neutral[model.landmarks]
    outer, inner = _along(marks[48:60], True), _along(marks[60:68], True)
    depth = _distance(neutral, np.concatenate([outer, inner]))
    close = _inside(neutral[:, :2], marks[48:60, :2]) | (_distance(neutral, outer) < 1.5)
    return np.flatnonzero(close & (depth < 7.0) & (model.part == "face"))


def upper_vertices(model: IctModel, neutral: np.ndarray) -> np.ndarray:
    """Skin vertices from just below the eyes to 35 mm above the brows."""
    marks = neutral[model.landmarks]
    low = marks[[40, 41, 46, 47], 1].min() - 8.0
    high = marks[17:27, 1].max() + 35.0
    width = np.abs(marks[[17, 26], 0]).max() + 6.0
    y, front = neutral[:, 1], neutral[:, 2] > marks[[0, 16], 2].min()
    chosen = (y > low) & (y < high) & (np.abs(neutral[:, 0]) < width) & front
    return np.flatnonzero(chosen & (model.part == "face"))


def _colors(model: IctModel, neutral: np.ndarray, lips: np.ndarray) -> np.ndarray:
    colors = np.array([COLORS[p] for p in model.part])
    colors[lips] = (0.74, 0.40, 0.39)
    marks = neutral[model.landmarks]
    dense = (model.part == "face").sum() > 3000
    for chain in (marks[17:22], marks[22:27]):
        amount = np.exp(-((_distance(neutral, _along(chain, False)) / 3.2) ** 4))[:, None] * 0.75
        amount = amount * ((model.part == "face") & dense)[:, None]
        colors += (np.array((0.36, 0.25, 0.19)) - colors) * amount
    for side in ("eyeball_left", "eyeball_right"):
        own = np.flatnonzero(model.part == side)
        if not len(own):
            continue
        ball = neutral[own]
        offset = ball - 0.5 * (ball.min(0) + ball.max(0))
        angle = np.arctan2(np.hypot(offset[:, 0], offset[:, 1]), offset[:, 2])
        colors[own[angle < 0.50]] = (0.30, 0.44, 0.52)
        colors[own[angle < 0.20]] = (0.03, 0.03, 0.03)
    return colors


def _basis(model: IctModel, neutral: np.ndarray) -> np.ndarray:
    """Displacements per ARKit channel in mm; where ARKit has one shape for two sides, their sum.

    Eyeballs, which no expression moves, turn with the look shapes of their side.
    """
    basis = np.zeros((len(ARKIT_CHANNELS), *model.neutral.shape), np.float32)
    for i, name in enumerate(ARKIT_CHANNELS):
        for source in ict_sources(name):
            basis[i] += model.expression[ICT_53.index(source)] * MM_PER_CM
    for name in LOOKS:
        ball = model.part == ("eyeball_left" if name.endswith("Left") else "eyeball_right")
        if ball.any():
            basis[ARKIT_CHANNELS.index(name), ball] = gaze(name, neutral[ball])
    return basis


def _closing_share(model: IctModel) -> float:
    """Share of `mouthClose` that brings the lips of the open jaw back to their gap at rest."""
    pairs = model.landmarks[np.array(INNER_PAIRS)]
    height = model.expression[:, pairs, 1]
    widened = (height[..., 0] - height[..., 1]).mean(-1)
    opened, closed = widened[ICT_53.index("jawOpen")], -widened[ICT_53.index("mouthClose")]
    return float(np.clip(opened / closed, 0, 1)) if closed > 1e-6 else 1.0


def build_rig(
    path: str | Path | None = None,
    allow_missing: bool = False,
    area: str = "full",
    identity: Sequence[float] | None = None,
    identity_seed: int | None = None,
) -> LinearRig:
    """Build the rig from the user's copy of ICT-FaceKit, in mm.

    `mouthClose` is a corrective: it counts up to the share of `jawOpen` at which the lips are as
    near as at rest. Lips and upper face are the same vertices whoever it is.

    Args:
        path: The folder `FaceXModel`, its parent, or a compact npz.
        allow_missing: Take shapes whose files are missing as zero.
        area: `full` is all that the file holds, `narrow` the face alone without eyes and teeth.
        identity: Weights of the first identity modes, up to 100, about N(0, 1).
        identity_seed: Draws all 100 weights instead.

    Raises:
        UserError: No path, the model is not (wholly) there, or an option is out of range.
    """
    if area not in ("full", "narrow"):
        raise UserError(f"rig.area={area!r} is neither full nor narrow")
    if identity is not None and identity_seed is not None:
        raise UserError("rig.identity and rig.identity_seed both say who it is; give one of them")
    weights = tuple(float(weight) for weight in identity or ())
    if identity_seed is not None:
        weights = tuple(np.random.default_rng(identity_seed).standard_normal(IDENTITIES).tolist())
    if len(weights) > IDENTITIES or not np.isfinite(weights).all():
        raise UserError(
            f"rig.identity has {len(weights)} values; give up to {IDENTITIES} finite numbers"
        )
    return _build(path, allow_missing, area, weights)


@lru_cache(maxsize=2)
def _build(
    path: str | Path | None, allow_missing: bool, area: str, weights: tuple[float, ...]
) -> LinearRig:
    model = read_model(path, allow_missing=allow_missing, identities=len(weights))
    model = narrow(model) if area == "narrow" else model
    generic = model.neutral * MM_PER_CM
    person = np.tensordot(np.array(weights, np.float32), model.identity, 1)
    neutral = generic + person * np.float32(MM_PER_CM)
    lips = lip_vertices(model, generic)
    marks = neutral[model.landmarks]
    face = neutral[model.part == "face"]
    close, jaw = ARKIT_CHANNELS.index("mouthClose"), ARKIT_CHANNELS.index("jawOpen")
    return LinearRig(
        name="ict",
        channels=ARKIT_CHANNELS,
        groups=channel_groups(ARKIT_CHANNELS),
        neutral=torch.tensor(neutral),
        triangles=torch.tensor(model.triangles),
        lips=torch.tensor(lips),
        upper=torch.tensor(upper_vertices(model, generic)),
        lip_pairs=torch.tensor(model.landmarks[np.array(INNER_PAIRS)]),
        basis=torch.tensor(_basis(model, neutral)),
        colors=torch.tensor(_colors(model, generic, lips)).float(),
        pivot=torch.tensor([0.0, float(marks[8, 1]) + 25.0, 0.0]),
        view=(float(face[:, 1].min() + face[:, 1].max()) / 2, float(np.ptp(face[:, 1])) * 1.08),
        capped=((close, jaw, _closing_share(model)),),
        landmarks=torch.tensor(model.landmarks),
    )
