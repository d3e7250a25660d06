"""Curves at another frame rate."""

from fractions import Fraction
from math import ceil

import numpy as np
from jaxtyping import Float


def resample_curves(values: Float[np.ndarray, "F D"], ratio: Fraction) -> Float[np.ndarray, "T D"]:
    """Return curves at `ratio` times their frame rate: T = ceil(F ratio), frame k at k / ratio.

    They are band-limited to half of the lower rate, so that what is too fast for fewer frames is
    smoothed and does not turn up as another movement. No channel leaves the range it had.
    """
    from scipy.signal import resample_poly

    if ratio == 1:
        return values
    if len(values) < 2:
        return np.repeat(values, ceil(len(values) * ratio), 0)
    made = resample_poly(
        values.astype(np.float64), ratio.numerator, ratio.denominator, padtype="antireflect"
    )
    return np.clip(made, values.min(0), values.max(0)).astype(values.dtype)
