"""What a voice is told by, per 40 ms: spectrum, loudness, pitch."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, pad

from distill.audio.spectrum import SpectralProduct, periodic_windows
from distill.types import SAMPLE_RATE_HZ

FPS = 25.0
FRAME_SAMPLES = 640
"""Audio samples per feature frame: 40 ms, 25 frames a second."""


def _frames(audio: Tensor, frames: int) -> Tensor:
    """Cut or zero-pad (B S) to exactly `frames` feature frames."""
    samples = frames * FRAME_SAMPLES
    return pad(audio, (0, samples))[:, :samples]


class Loudness(nn.Module):
    """Log energy of every 10 ms against a fixed reference, so shouting differs from murmuring."""

    out_dim = 4

    def forward(self, audio: Float[Tensor, "B S"], frames: int) -> Float[Tensor, "B F D"]:
        """Return about 0 at -40 dB of full scale and 1 more per 20 dB."""
        blocks = _frames(audio, frames).reshape(len(audio), frames, self.out_dim, -1)
        return 0.5 * (blocks.square().mean(dim=-1) + 1e-7).log10() + 2.0


class Correlogram(nn.Module):
    """Normalized autocorrelation over log-spaced lags: pitch as a bump that moves with log f0.

    Twice per frame, over 64 ms at 4 kHz. The power spectrum is compressed (exponent 1/3) against
    formants (generalized autocorrelation, Tolonen and Karjalainen 2000), brought to lag tau by
    `r(tau) = sum_k |X_k|^(2/3) cos(2 pi k tau / n)` and divided by r(0); silence gives zero.
    """

    window: Tensor

    def __init__(self, low_hz: float = 60.0, high_hz: float = 450.0, lags: int = 48) -> None:
        super().__init__()
        self.window_samples, self.hop_samples, self.fft = 256, 80, 512
        self.out_dim = 2 * lags
        rate_hz = SAMPLE_RATE_HZ / 4
        pitch_hz = torch.logspace(math.log10(low_hz), math.log10(high_hz), lags).double()
        bins = torch.arange(self.fft // 2 + 1).double()
        weight = torch.full_like(bins, 2.0)
        weight[0] = weight[-1] = 1.0
        angle = 2 * math.pi * bins[:, None] * (rate_hz / pitch_hz)[None, :] / self.fft
        self.register_buffer("window", torch.hann_window(256, periodic=False), persistent=False)
        table = torch.cat([angle.cos(), torch.ones_like(angle[:, :1])], dim=1)  # last: lag zero
        self.lags = SpectralProduct((weight[:, None] * table).float(), exponent=1 / 3)

    def forward(self, audio: Float[Tensor, "B S"], frames: int) -> Float[Tensor, "B F D"]:
        """Return values in [-1, 1]."""
        slow = avg_pool1d(_frames(audio, frames).unsqueeze(1), 4).squeeze(1)
        windows = periodic_windows(
            pad(slow, ((self.window_samples - self.hop_samples) // 2, 0)),
            first=(0,),
            period=self.hop_samples,
            count=2 * frames,
            length=self.window_samples,
        )
        windows = pad(windows * self.window, (0, self.fft - self.window_samples))
        lags = self.lags(windows)
        lags = lags[..., :-1] / (lags[..., -1:] + 0.05)
        return lags.reshape(len(audio), frames, self.out_dim)
