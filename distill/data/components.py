"""Components of vertex motion: what a talking face does, as a few dozen numbers a frame."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from distill.errors import UserError

BATCH_FRAMES = 64


def fit_components(
    motions: Iterable[np.ndarray], count: int
) -> tuple[Float[np.ndarray, "K N"], Float[np.ndarray, " K"]]:
    """Return the principal components of displacements (each F N), and each one's share of all.

    Principal component analysis about the face at rest, not about the mean: every frame is seen
    with its mirror image, so the mean is zero, and so is a still face's motion. A component is
    scaled to one standard deviation of the motion. Batch after batch (Ross et al., IJCV 2008):
    memory does not grow with the corpus.

    Raises:
        UserError: There are fewer frames than components.
    """
    from sklearn.decomposition import IncrementalPCA

    fitted: Any = IncrementalPCA(n_components=count)
    for frames in _batches(motions, max(BATCH_FRAMES, count)):
        if len(frames) < count:
            raise UserError(
                f"{len(frames)} frames of training motion cannot give {count} components; ask for "
                "fewer with --components"
            )
        fitted.partial_fit(np.concatenate([frames, -frames]))
    if not hasattr(fitted, "components_"):
        raise UserError("the corpus has no training motion; check its folder and its splits")
    scale = np.sqrt(fitted.explained_variance_)[:, None]
    basis = (fitted.components_ * scale).astype(np.float32)
    return basis, fitted.explained_variance_ratio_.astype(np.float32)


def _batches(motions: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Join motions and cut them into batches of `size` frames; the last has up to twice as many."""
    held: list[np.ndarray] = []
    for motion in motions:
        held.append(motion)
        while sum(map(len, held)) >= 2 * size:
            whole = np.concatenate(held)
            yield whole[:size]
            held = [whole[size:]]
    if held:
        yield np.concatenate(held)
