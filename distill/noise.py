"""The noise that generation starts from: a function of seed and frame, the same on every backend.

Drawn by numpy's counter-based Philox generator (Salmon et al. 2011), so torch is not needed.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float32

BLOCK_FRAMES, KEPT_BLOCKS = 256, 256


def seeded_noise(
    seeds: Sequence[int], frames: int, motion_dim: int, *, start_frame: int = 0
) -> Float32[np.ndarray, "B F D"]:
    """Gaussian noise in which row i depends on seed i and on the absolute frame only.

    A window cut from a long clip therefore sees the noise that the whole clip would have seen.
    """
    first, last = start_frame // BLOCK_FRAMES, (start_frame + frames - 1) // BLOCK_FRAMES
    offset = start_frame - first * BLOCK_FRAMES
    rows = [
        np.concatenate([_block(seed, block, motion_dim) for block in range(first, last + 1)])
        for seed in seeds
    ]
    return np.stack([row[offset : offset + frames] for row in rows])


@lru_cache(maxsize=KEPT_BLOCKS)
def _block(seed: int, block: int, motion_dim: int) -> np.ndarray:
    """Draw a block, which every clip of the same seed asks for again."""
    key = np.array([seed % 2**64, block], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    drawn = rng.standard_normal((BLOCK_FRAMES, motion_dim), dtype=np.float32)
    drawn.setflags(write=False)
    return drawn
