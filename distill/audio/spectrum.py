"""Short windows of audio and their power spectra, in operations that ONNX runs fast.

ONNX runtimes gather single samples at 50 ns each and have a slow Fourier transform, so windows are
slices of a reshaped signal, and an exported spectrum is a few small matrix products.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
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


def spectral_product(
    windows: Float[Tensor, "... N"], weights: Float[Tensor, "K M"], exponent: float = 1.0
) -> Float[Tensor, "... M"]:
    """Return sum_k |X_k|^(2 exponent) weights_k over the bins k = 0 ... N / 2 of each window."""
    if torch.compiler.is_exporting():
        power, order = _power_by_products(windows)
        nothing = weights.new_zeros(1, weights.shape[1])
        weights = torch.cat([weights, nothing])[order.to(weights.device)]
        return (power if exponent == 1.0 else power.pow(exponent)) @ weights
    spectrum = torch.fft.rfft(windows)
    if exponent != 1.0:
        return spectrum.abs().pow(2 * exponent) @ weights
    parts = torch.view_as_real(spectrum).flatten(-2)  # both parts at once: faster than adding them
    return (parts * parts) @ weights.repeat_interleave(2, dim=0)


def _power_by_products(windows: Float[Tensor, "... N"]) -> tuple[Tensor, Tensor]:
    """Return the power in bins of an order of its own, and what bin each one is (K: not wanted).

    Two steps of the Cooley-Tukey factorization: with n = B a + b and k = c + A d, A = 16 and
    B = N / A, a transform over a for every b, then one over b with its twiddle factors for every
    c. c from 0 to A / 2 is enough for a real signal: bin N - k has the power of bin k.
    """
    size = windows.shape[-1]
    across, kept = size // RADIX, RADIX // 2 + 1
    over_a, over_b, order = (table.to(windows.device) for table in _tables(size))
    by_c = torch.matmul(over_a, windows.reshape(-1, RADIX, across))
    parts = torch.matmul(by_c.reshape(-1, kept, 2 * across).transpose(0, 1), over_b)
    squares = parts * parts
    power = (squares[..., :across] + squares[..., across:]).transpose(0, 1)
    return power.reshape(*windows.shape[:-1], kept * across), order


@lru_cache(maxsize=4)
def _tables(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the transform over a (2C A), those over b (C 2B 2B), and the bins in their order."""
    across = size // RADIX
    a, b, c = np.arange(RADIX), np.arange(across), np.arange(RADIX // 2 + 1)
    over_a = np.exp(-2j * np.pi * np.outer(c, a) / RADIX)
    over_a = np.stack([over_a.real, over_a.imag], 1).reshape(-1, RADIX)
    bins = c[:, None] + RADIX * b
    turn = np.exp(-2j * np.pi * b[None, :, None] * bins[:, None, :] / size)
    over_b = np.concatenate(
        [
            np.concatenate([turn.real, turn.imag], 2),
            np.concatenate([-turn.imag, turn.real], 2),
        ],
        1,
    )
    order = np.minimum(bins, size - bins).reshape(-1)
    again = np.ones(len(order), bool)
    again[np.unique(order, return_index=True)[1]] = False
    order[again] = size // 2 + 1
    tables = (over_a.astype(np.float32), over_b.astype(np.float32), order)
    return tuple(torch.from_numpy(table) for table in tables)  # type: ignore[return-value]
