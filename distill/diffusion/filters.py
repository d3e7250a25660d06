"""Filters along frames: noise with a covariance in time, and smoothing of what networks add."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from distill.diffusion.movement import minimum_phase

WIDEST_DEVIATIONS = 3
"""Gaussian kernels are cut at three deviations."""
_STOPBAND = 1e-3
"""Least response of a causal kernel, in power: a minimum phase needs one everywhere."""


def colored(white: Float[Tensor, "B N D"], taps: Float[Tensor, "K D"]) -> Float[Tensor, "B F D"]:
    """Filter N = F + K - 1 frames of white noise: frame k is sum_j taps[j] white[K - 1 + k - j]."""
    count, length = len(taps), white.shape[1]
    if count == 1:
        return white * taps[0]
    size = length + count
    spectrum = torch.fft.rfft(white, n=size, dim=1) * torch.fft.rfft(taps, n=size, dim=0)
    return torch.fft.irfft(spectrum, n=size, dim=1)[:, count - 1 : length]


def gaussian_kernels(deviations: Float[Tensor, " D"]) -> Float[Tensor, "K D"]:
    """Return centred Gaussian kernels of unit sum, deviations in frames; 0 leaves a channel be."""
    radius = math.ceil(WIDEST_DEVIATIONS * float(deviations.max()))
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)[:, None]
    kernels = torch.exp(-0.5 * (offset / deviations.double().clamp(min=1e-3)).square())
    return (kernels / kernels.sum(0)).float()


def causal_kernels(deviations: Float[Tensor, " D"]) -> Float[Tensor, "K D"]:
    """Return causal kernels of unit sum that smooth as much as Gaussian ones, with least delay."""
    taps = 2 * math.ceil(WIDEST_DEVIATIONS * float(deviations.max())) + 1
    hz = torch.linspace(0.0, 0.5, 257, dtype=torch.float64)[:, None]
    response = torch.exp(-((2 * math.pi * hz * deviations.double()).square()))
    kernels = torch.from_numpy(minimum_phase((response + _STOPBAND).numpy(), taps))
    return (kernels / kernels.sum(0)).float()


def smoothed(
    x: Float[Tensor, "B F D"], kernels: Float[Tensor, "K D"], *, causal: bool
) -> Float[Tensor, "B F D"]:
    """Convolve every channel with its kernel; edges repeat the first and last frame."""
    count = len(kernels)
    if count == 1:
        return x * kernels[0]
    before = count - 1 if causal else count // 2
    edges = [x[:, :1].expand(-1, before, -1), x]
    if not causal:
        edges.append(x[:, -1:].expand(-1, before, -1))
    image = torch.cat(edges, 1).transpose(1, 2).unsqueeze(2)
    weight = kernels.flip(0).T[:, None, None]
    return torch.nn.functional.conv2d(image, weight, groups=len(weight)).squeeze(2).transpose(1, 2)
