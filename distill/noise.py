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
    drawn = np.empty((len(seeds), frames, motion_dim), np.float32)
    for row, seed in zip(drawn, seeds, strict=True):
        done = 0
        while done < frames:
            block, offset = divmod(start_frame + done, BLOCK_FRAMES)
            part = _block(seed, block, motion_dim)[offset : offset + frames - done]
            row[done : done + len(part)] = part
            done += len(part)
    return drawn


@lru_cache(maxsize=KEPT_BLOCKS)
def _block(seed: int, block: int, motion_dim: int) -> np.ndarray:
    """Draw a block, which every clip of the same seed asks for again."""
    key = np.array([seed % 2**64, block], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    drawn = rng.standard_normal((BLOCK_FRAMES, motion_dim), dtype=np.float32)
    drawn.setflags(write=False)
    return drawn
