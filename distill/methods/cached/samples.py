"""The teacher's samples of the training clips, made once: motion and the noise it came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill.diffusion.sampling import ddim_sample
from distill.diffusion.schedule import step_grid
from distill.noise import MotionNoise
from distill.protocols import Denoiser
from distill.storage import atomic_path
from distill.types import Conditions

Hear = Callable[[int], tuple[Conditions, int]]
"""Gives the raw conditions (one row) and the frames of a training clip by its number."""


@dataclass(frozen=True)
class Samples:
    """Sampled motion of every training clip, one after the other in one array.

    Attributes:
        motion: Normalized motion that the teacher made (N D), all clips.
        noise: The noise that it was made from (N D).
        first: First row of each clip, and the end of the last (C + 1).
    """

    motion: Float[Tensor, "N D"]
    noise: Float[Tensor, "N D"]
    first: Int[Tensor, " C"]

    def windows(
        self, clips: Int[Tensor, " B"], starts: Int[Tensor, " B"], frames: int
    ) -> tuple[Float[Tensor, "B F D"], Float[Tensor, "B F D"]]:
        """Return motion and noise of windows; frames past the end of a clip are zero."""
        first = self.first[clips] + starts
        rows = first[:, None] + torch.arange(frames)
        inside = (rows < self.first[clips + 1, None])[..., None]
        rows = rows.clamp(max=len(self.motion) - 1)
        return self.motion[rows] * inside, self.noise[rows] * inside


@torch.no_grad()
def sample_clips(
    teacher: Denoiser,
    hear: Hear,
    count: int,
    noise: MotionNoise,
    *,
    steps: int,
    path: Path,
    done: Callable[[int], None],
) -> Samples:
    """Let the teacher speak `count` training clips and keep what it says; kept samples are read.

    Args:
        teacher: The denoiser, in eval mode.
        hear: Conditions and frames of a clip.
        count: Number of clips.
        noise: Where noise comes from; clip i has seed i.
        steps: Sampler steps.
        path: File of the samples.
        done: Told how many clips are done.
    """
    if not path.is_file():
        made: list[np.ndarray | Tensor] = []
        drawn, ends = [], [0]
        for clip in range(count):
            raw, frames = hear(clip)
            start = torch.from_numpy(noise.draw((clip,), frames))
            cond = teacher.prepare(raw, frames)
            made.append(ddim_sample(teacher, start, cond, step_grid(steps))[0].float())
            drawn.append(start[0])
            ends.append(ends[-1] + frames)
            done(clip + 1)
        arrays = {"motion": _joined(made), "noise": _joined(drawn), "first": torch.tensor(ends)}
        with atomic_path(path) as temporary:
            save_file(arrays, temporary)
    return Samples(**load_file(path))


def _joined(parts: Sequence) -> Tensor:
    return torch.cat(list(parts))
