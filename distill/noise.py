"""The noise that generation starts from: a function of seed and frame, the same on every backend.

White noise is drawn by numpy's counter-based Philox generator (Salmon et al. 2011) and filtered in
time by the taps that a model stores, so that it moves as fast as the data does
(`distill.diffusion.movement` measures them). The filter looks back only: a stream draws the noise
of a whole recording frame by frame. Nothing here needs torch.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float32

BLOCK_FRAMES, KEPT_BLOCKS = 256, 256
PART_FRAMES, KEPT_PARTS = 32, 2048
"""Frames filtered at a time, a divisor of `BLOCK_FRAMES`: a stream pays 0.5 ms now and then, where
whole blocks would take 4 ms."""


class MotionNoise:
    """Noise with the covariance in time of one model's motion.

    n[k] = sum_j taps[j] w[k - j] for white w; one tap of 1 is white noise.

    Args:
        taps: Filter of each channel (K D), in units of normalized motion.
    """

    def __init__(self, taps: Float[np.ndarray, "K D"]) -> None:
        self.taps = np.asarray(taps, np.float64)
        self._white: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._parts: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    @property
    def motion_dim(self) -> int:
        """Channels, D."""
        return self.taps.shape[1]

    def draw(
        self, seeds: Sequence[int], frames: int, *, start_frame: int = 0
    ) -> Float32[np.ndarray, "B F D"]:
        """Return noise in which row i depends on seed i and on the absolute frame only.

        A window cut from a long clip therefore sees the noise that the whole clip would have seen.
        """
        drawn = np.empty((len(seeds), frames, self.motion_dim), np.float32)
        for row, seed in zip(drawn, seeds, strict=True):
            done = 0
            while done < frames:
                index, offset = divmod(start_frame + done, PART_FRAMES)
                part = self._part(seed, index)[offset : offset + frames - done]
                row[done : done + len(part)] = part
                done += len(part)
        return drawn

    def _part(self, seed: int, index: int) -> np.ndarray:
        """Return the noise of `PART_FRAMES` frames, which every clip of one seed asks for again."""

        def filtered() -> np.ndarray:
            start, before = index * PART_FRAMES, len(self.taps) - 1
            blocks = range((start - before) // BLOCK_FRAMES, start // BLOCK_FRAMES + 1)
            white = np.concatenate([self._white_block(seed, block) for block in blocks])
            first = start - blocks[0] * BLOCK_FRAMES
            out = np.zeros((PART_FRAMES, self.motion_dim))
            for j, tap in enumerate(self.taps):  # a fixed order of sums: the same bits everywhere
                out += tap * white[first - j : first - j + PART_FRAMES]
            return out.astype(np.float32)

        return _kept(self._parts, (seed, index), filtered, KEPT_PARTS)

    def _white_block(self, seed: int, block: int) -> np.ndarray:
        return _kept(
            self._white,
            (seed, block),
            lambda: white_block(seed, block, self.motion_dim),
            KEPT_BLOCKS,
        )


def white_block(seed: int, block: int, motion_dim: int) -> Float32[np.ndarray, "F D"]:
    """Draw white noise of the `BLOCK_FRAMES` frames of a block; blocks before the start are < 0."""
    key = np.array([seed % 2**64, block % 2**64], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    return rng.standard_normal((BLOCK_FRAMES, motion_dim), dtype=np.float32)


def _kept(
    store: OrderedDict, key: tuple[int, int], make: Callable[[], np.ndarray], most: int
) -> np.ndarray:
    """Return what is stored under a key, made when it is not; the least recently used goes."""
    if key in store:
        store.move_to_end(key)
        return store[key]
    made = store[key] = make()
    made.setflags(write=False)
    if len(store) > most:
        store.popitem(last=False)
    return made
