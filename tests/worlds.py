"""Worlds in which the best denoiser is known exactly."""

import torch

from distill.diffusion.parameterization import Prediction, expand
from distill.diffusion.schedule import CosineSchedule
from distill.protocols import Denoiser
from distill.types import Conditions


class Exact(Denoiser):
    """A denoiser that is a formula; it ignores conditions."""

    prediction, schedule = Prediction.X0, CosineSchedule()
    motion_dim, audio_dim, persona_dim = 3, 4, 4

    def prepare(self, cond: Conditions, frames: int) -> Conditions:
        return cond


class Gaussian(Exact):
    """Data x ~ N(mean, var): E[x | z] is linear in z."""

    def __init__(self, mean: float = 0.7, var: float = 0.25):
        super().__init__()
        self.mean, self.var = mean, var

    def forward(self, z, t, cond):
        alpha, sigma = (expand(c, z) for c in self.schedule.alpha_sigma(t))
        gain = alpha * self.var / (alpha**2 * self.var + sigma**2)
        return self.mean + gain * (z - alpha * self.mean)


class PointMass(Exact):
    """Data that is always 2."""

    def forward(self, z, t, cond):
        return torch.full_like(z, 2.0)


class Wavy(Exact):
    """x0 = 0.3 z + sin(3 t): arbitrary, cheap and smooth."""

    def forward(self, z, t, cond):
        return 0.3 * z + torch.sin(3 * t).reshape(-1, 1, 1)
