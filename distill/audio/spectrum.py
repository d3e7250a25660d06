"""Short windows of audio and their power spectra, in operations that ONNX runs fast.

ONNX runtimes gather single samples and transform slowly, so windows are
slices of a reshaped signal, and an exported spectrum is a few small matrix products.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

RADIX = 16


def periodic_windows(
    audio: Float[Tensor, "B S"], *, first: Sequence[int], period: int, count: int, length: int
) -> Float[Tensor, "B N L"]:
    """Cut `count` windows of `length` samples; audio beyond the end is silence.

    Window i starts at `first[i % P] + (i // P) * period`, where P is the length of `first`.
    """
    batch, groups = audio.shape[0], (count + len(first) - 1) // len(first)
    spread = -(-(first[-1] + length) // period)
    samples = (groups + spread - 1) * period
    # Padded by as much as is needed at most: how much is needed would be a branch on lengths.
    padded = functional.pad(audio, (0, samples))[:, :samples]
    rows = padded.reshape(batch, groups + spread - 1, period)
    joined = torch.cat([rows[:, i : i + groups] for i in range(spread)], dim=-1)
    windows = torch.stack([joined[..., s : s + length] for s in first], dim=2)
    return windows.flatten(1, 2)[:, :count]


class SpectralProduct(nn.Module):
    """Sums sum_k |X_k|^(2 exponent) w_k over the bins k = 0 ... N / 2 of windows of N samples.

    Exported, the transform is two steps of the Cooley-Tukey factorization: with n = B a + b and
    k = c + A d, A = 16 and B = N / A, one over a for every b, then one over b with its twiddle
    factors for every c. c from 0 to A / 2 is enough for a real signal: bin N - k has the power of
    bin k.

    Attributes:
        weights: w, (K M).
    """

    weights: Tensor
    both_parts: Tensor
    over_a: Tensor
    over_b: Tensor
    by_c: Tensor

    def __init__(self, weights: Float[Tensor, "K M"], exponent: float = 1.0) -> None:
        super().__init__()
        self.exponent = exponent
        size = 2 * (len(weights) - 1)
        over_a, over_b, order = _tables(size)
        nothing = torch.zeros_like(weights[:1])
        buffers = {
            "weights": weights,
            "both_parts": weights.repeat_interleave(2, dim=0),
            "over_a": torch.from_numpy(over_a),
            "over_b": torch.from_numpy(over_b),
            "by_c": torch.cat([weights, nothing])[torch.from_numpy(order)],
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def forward(self, windows: Float[Tensor, "... N"]) -> Float[Tensor, "... M"]:
        """Return the sums."""
        if torch.compiler.is_exporting():
            return self.by_products(windows)
        spectrum = torch.fft.rfft(windows)
        if self.exponent != 1.0:
            return spectrum.abs().pow(2 * self.exponent) @ self.weights
        parts = torch.view_as_real(spectrum).flatten(-2)  # faster than adding the squares first
        return (parts * parts) @ self.both_parts

    def by_products(self, windows: Float[Tensor, "... N"]) -> Float[Tensor, "... M"]:
        """Return the same by matrix products alone, which is what is exported."""
        across, kept = self.over_b.shape[-1] // 2, RADIX // 2 + 1
        by_c = torch.matmul(self.over_a, windows.reshape(-1, RADIX, across))
        parts = torch.matmul(by_c.reshape(-1, kept, 2 * across).transpose(0, 1), self.over_b)
        squares = parts * parts
        power = (squares[..., :across] + squares[..., across:]).transpose(0, 1)
        if self.exponent != 1.0:
            power = power.pow(self.exponent)
        return power.reshape(*windows.shape[:-1], kept * across) @ self.by_c


def _tables(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the transforms over a (2C A) and b (C 2B 2B), and the bin at each place (K: none)."""
    across = size // RADIX
    a, b, c = np.arange(RADIX), np.arange(across), np.arange(RADIX // 2 + 1)
    angle = 2 * np.pi * np.outer(c, a) / RADIX
    over_a = np.stack([np.cos(angle), -np.sin(angle)], 1).reshape(-1, RADIX)
    bins = c[:, None] + RADIX * b
    angle = 2 * np.pi * b[None, :, None] * bins[:, None, :] / size
    to_real = np.concatenate([np.cos(angle), np.sin(angle)], 1)
    to_imag = np.concatenate([-np.sin(angle), np.cos(angle)], 1)
    over_b = np.concatenate([to_real, to_imag], 2)
    order = np.minimum(bins, size - bins).reshape(-1)
    again = np.ones(len(order), bool)
    again[np.unique(order, return_index=True)[1]] = False
    order[again] = size // 2 + 1
    return over_a.astype(np.float32), over_b.astype(np.float32), order
