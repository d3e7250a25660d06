"""Lip and upper-face vertices of FLAME: from a file of masks, or from what its jaw moves."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from distill.errors import UserError

UPPER_PARTS = ("forehead", "eye_region")
DROP = 0.5
SLIT_MM, LIP_MM = 4.0, 8.0
BELOW_EYES_MM, ABOVE_EYES_MM = 15.0, 60.0

Regions = tuple[Int[np.ndarray, " L"], Int[np.ndarray, " U"], Int[np.ndarray, "P 2"]]
"""Vertices of lip error, vertices of upper-face error, inner lip pairs with the upper first."""


def slit_pairs(
    neutral: Float[np.ndarray, "V 3"], jaw: Float[np.ndarray, " V"]
) -> Int[np.ndarray, "P 2"]:
    """Pair vertices of the upper and the lower lip that face each other, from right to left.

    How much skin follows the jaw (0 to 1) changes slowly but for one place: where the mouth opens,
    it drops by `DROP` or more to the nearest vertex above, at most `SLIT_MM` away. Pairs are each
    other's nearest.

    Raises:
        UserError: There is no such place.
    """
    above, below = np.flatnonzero(jaw < 0.5), np.flatnonzero(jaw >= 0.5)
    if len(above) and len(below):
        distance, up = KDTree(neutral[above]).query(neutral[below])
        down = np.asarray(KDTree(neutral[below]).query(neutral[above])[1])
        upper = above[up]
        found = (down[up] == np.arange(len(below))) & (distance <= SLIT_MM)
        found &= jaw[below] - jaw[upper] >= DROP
        found &= neutral[upper, 1] > neutral[below, 1] - SLIT_MM / 4
        pairs = np.stack([upper, below], 1)[found]
        if len(pairs):
            return pairs[neutral[pairs[:, 0], 0].argsort()]
    raise UserError(
        "the mouth of this FLAME model is not found from what its jaw moves; give its lips with "
        "rig.masks=FLAME_masks.pkl"
    )


def middle(
    pairs: Int[np.ndarray, "P 2"], neutral: Float[np.ndarray, "V 3"]
) -> Int[np.ndarray, "Q 2"]:
    """Keep the pairs in the middle 60 % of the mouth's width; at its corners lips never part."""
    x = neutral[pairs[:, 0], 0]
    center, half = (x.min() + x.max()) / 2, (x.max() - x.min()) / 2
    return pairs[np.abs(x - center) <= 0.6 * half]


def derived(
    neutral: Float[np.ndarray, "V 3"],
    jaw: Float[np.ndarray, " V"],
    eyes: Float[np.ndarray, "2 3"],
    is_eye: np.ndarray,
) -> Regions:
    """Find regions without a mask, in mm.

    Lips are a band of `LIP_MM` around the line where they part, the upper face lies in front of
    the eyes' centres, from just below them to the hair; `is_eye` vertices are in neither.
    """
    pairs = slit_pairs(neutral, jaw)
    lips = KDTree(neutral[pairs].mean(1)).query(neutral)[0] <= LIP_MM
    height = neutral[:, 1] - eyes[:, 1].mean()
    face = (height > -BELOW_EYES_MM) & (height < ABOVE_EYES_MM)
    face &= (neutral[:, 2] > eyes[:, 2].mean()) & ~is_eye
    return np.flatnonzero(lips), np.flatnonzero(face), middle(pairs, neutral)


def masked(
    masks: Mapping[str, Int[np.ndarray, " N"]],
    neutral: Float[np.ndarray, "V 3"],
    jaw: Float[np.ndarray, " V"],
) -> Regions:
    """Take regions from masks: `lips`; `upper`, or the published parts; `lip_pairs` if given.

    Raises:
        UserError: A mask is missing, empty, or names a vertex that the model has not.
    """
    parts = [masks[name] for name in UPPER_PARTS if name in masks]
    upper = masks.get("upper", np.unique(np.concatenate(parts)) if parts else None)
    if "lips" not in masks or upper is None:
        raise UserError(
            f"rig.masks holds {', '.join(masks) or 'nothing'}; it needs lips, and upper or "
            f"{' and '.join(UPPER_PARTS)}"
        )
    lips, pairs = masks["lips"], masks.get("lip_pairs")
    for name, region in (("lips", lips), ("upper", upper)):
        if not len(region) or region.min() < 0 or region.max() >= len(neutral):
            raise UserError(
                f"rig.masks: {name} is empty or names a vertex outside 0..{len(neutral) - 1}; "
                "give the masks of this model"
            )
    if pairs is None:
        pairs = lips[slit_pairs(neutral[lips], jaw[lips])]
        pairs = middle(pairs, neutral)
    return lips, upper, pairs
