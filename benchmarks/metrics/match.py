"""How near a distilled model is to its teacher: the figure of the distillation itself."""

from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.metrics.base import MetricSpec, Observation
from benchmarks.metrics.parts import PartMetric


class Match(PartMetric):
    """Distance to the teacher from the same noise, over that of two samples of the teacher.

    0 is the teacher itself, 0.71 a model that knows only the teacher's mean, 1 another teacher's
    sample for the same audio.
    """

    spec = MetricSpec(
        id="match_{part}",
        formula="rms(student(n) - teacher(n)) / rms(teacher(n) - teacher(n')), n, n' noises, same "
        "audio and persona; normalized channels; 0.71: only the teacher's mean",
        unit="1",
        region="moving channels of {part}",
        pooling="clips, frames and pairs of noises",
        better="lower",
        origin="ours",
        repeats="samples",
    )

    def update(
        self, samples: Float[np.ndarray, "N T D"], teacher: Float[np.ndarray, "M F D"]
    ) -> None:
        """Add one clip; a model that ignores noise gives one sample for all of the teacher's.

        Raises:
            ValueError: Fewer than two samples of the teacher.
        """
        if len(teacher) < 2:
            raise ValueError("match needs at least two samples of the teacher")
        frames = min(samples.shape[1], teacher.shape[1])
        made, wanted = self.normalized(samples[:, :frames]), self.normalized(teacher[:, :frames])
        apart = np.mean([np.square(a - b).mean() for a, b in combinations(wanted, 2)])
        self.add(np.array([np.square(made - wanted).mean(), apart]) * frames, frames)

    def observe(self, seen: Observation) -> None:
        """Compare all samples of a clip with the teacher's."""
        if seen.samples is not None and seen.teacher_samples is not None:
            self.update(seen.samples, seen.teacher_samples)

    def compute(self) -> Float[Tensor, ""]:
        """Return the ratio; NaN without a teacher, or with one whose samples are all the same."""
        off, apart = self.total
        return torch.sqrt(torch.where(apart > 0, off / apart, torch.nan))
