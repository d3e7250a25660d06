"""Log-mel features whose frames are motion frames, with level control that only looks back.

Nothing here is learned and nothing is measured over the whole clip, so a stream gives the same
features as a file.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from distill.audio.frames import exact_fps
from distill.audio.grid import FFT_SAMPLES, WINDOW_SAMPLES, WindowGrid
from distill.audio.spectrum import SpectralProduct, periodic_windows
from distill.units import SAMPLE_RATE_HZ

LOWEST_HZ, HIGHEST_HZ = 40.0, 7600.0
LEVEL_MEMORY_S = 3.0
LEVEL_RELEASE_DB_PER_S = 4.0
LEVEL_FLOOR_DB = -45.0
"""Loudness below which a recording counts as silent and is no longer turned up."""
BAND_FLOOR = math.exp(-12.0)
"""Power added to each band, relative to the reference level: the quietest a feature can be."""
FEATURE_MEAN, FEATURE_STD = -9.5, 2.6
"""Fixed constants that bring speech to about zero mean and unit variance."""

_NATS_PER_DB = math.log(10) / 10
_FLOOR = LEVEL_FLOOR_DB * _NATS_PER_DB


def mel_filters(mels: int) -> Float[Tensor, "M K"]:
    """Return triangular filters over the FFT bins, evenly spaced in HTK mel (40 to 7600 Hz).

    Each triangle is integrated against the linearly interpolated spectrum, so filters narrower
    than an FFT bin are never empty. Neighbours sum to one: the bands add up to the power.
    """
    bins = FFT_SAMPLES // 2 + 1
    bin_hz = SAMPLE_RATE_HZ / FFT_SAMPLES
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mel = torch.linspace(low, high, mels + 2, dtype=torch.float64)
    edges = 700 * (10 ** (mel / 2595) - 1)
    fine = torch.arange((bins - 1) * 16 + 1, dtype=torch.float64) * bin_hz / 16
    rising = (fine - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - fine) / (edges[2:] - edges[1:-1])[:, None]
    triangles = torch.minimum(rising, falling).clamp(min=0)
    centres = torch.arange(bins, dtype=torch.float64) * bin_hz
    hats = (1 - (fine[:, None] - centres).abs() / bin_hz).clamp(min=0)
    return (triangles @ hats / 16).float()


class LogMel(nn.Module):
    """Log-mel bands of `per_frame` windows inside every motion frame.

    Window j of frame k is centred at (k + (j + 0.5) / per_frame) / fps seconds, to the nearest
    sample, so frame k depends on audio up to (k + 1) / fps + 12.5 ms and no further. Powers are
    relative to a reference level that follows the loudest of the last 3 s, released by 4 dB/s.

    Attributes:
        out_dim: Features per motion frame, `per_frame * mels`.
        grid: Where the windows lie.
        memory_frames: Motion frames before k that frame k's reference level depends on.
    """

    window: Tensor

    def __init__(self, fps: float | int, per_frame: int = 4, mels: int = 80) -> None:
        super().__init__()
        self.fps, self.per_frame, self.mels = exact_fps(fps), per_frame, mels
        self.grid = WindowGrid(fps, per_frame)
        self.out_dim = per_frame * mels
        self.memory_frames = math.ceil(LEVEL_MEMORY_S * self.fps)
        edge = (FFT_SAMPLES - WINDOW_SAMPLES) // 2
        window = functional.pad(torch.hann_window(WINDOW_SAMPLES).double(), (edge, edge))
        # With this scale the bands of a signal add up to its mean square.
        window = window / torch.sqrt(window.square().sum() * FFT_SAMPLES / 2)
        self.release = LEVEL_RELEASE_DB_PER_S * _NATS_PER_DB / float(self.fps)
        self.register_buffer("window", window.float(), persistent=False)
        self.bands = SpectralProduct(mel_filters(mels).T.contiguous())

    def forward(self, audio: Float[Tensor, "B S"], frames: int) -> Float[Tensor, "B F M"]:
        """Return features of the first `frames` motion frames; audio beyond the end is silence."""
        with torch.autocast(audio.device.type, enabled=False):
            return self.of_windows(self.windows(audio.to(self.window.dtype), frames))

    def windows(self, audio: Float[Tensor, "B S"], frames: int) -> Float[Tensor, "B N L"]:
        """Cut the windows of the first `frames` motion frames, `per_frame` each."""
        return periodic_windows(
            functional.pad(audio, (FFT_SAMPLES // 2, 0)),  # a start is now where a centre was
            first=self.grid.first,
            period=self.grid.period,
            count=frames * self.per_frame,
            length=FFT_SAMPLES,
        )

    def of_windows(self, windows: Float[Tensor, "B N L"]) -> Float[Tensor, "B F M"]:
        """Return the features of windows of audio."""
        power = self._power(windows)
        return self._relative(power, self._reference(self._level(power)))

    def initial_levels(self, rows: int) -> Float[Tensor, "B M"]:
        """Return the memory of a stream in which nothing was heard."""
        return self.window.new_full((rows, self.memory_frames), _FLOOR)

    def step(
        self, windows: Float[Tensor, "B N L"], levels: Float[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B K A"], Float[Tensor, "B M"]]:
        """Return the features of the windows that follow, and the levels remembered after them."""
        power = self._power(windows)
        joined = torch.cat([levels, self._level(power)], dim=1)
        fade = self.release * torch.arange(-self.memory_frames, 1).to(levels)
        recent = joined.unfold(1, self.memory_frames + 1, 1)
        reference = (recent + fade).amax(-1).clamp(min=_FLOOR)
        return self._relative(power, reference), joined[:, joined.shape[1] - self.memory_frames :]

    def _power(self, windows: Float[Tensor, "B N L"]) -> Float[Tensor, "B F J M"]:
        return self.bands(windows * self.window).unflatten(1, (-1, self.per_frame))

    def _level(self, power: Float[Tensor, "B F J M"]) -> Float[Tensor, "B F"]:
        return torch.log(power.sum(-1).mean(-1) + 1e-12).clamp(min=_FLOOR)

    def _relative(
        self, power: Float[Tensor, "B F J M"], reference: Float[Tensor, "B F"]
    ) -> Float[Tensor, "B F A"]:
        features = torch.log(power * torch.exp(-reference)[..., None, None] + BAND_FLOOR)
        return (features.flatten(2) - FEATURE_MEAN) / FEATURE_STD

    def _reference(self, level: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        """Return the log level that features are relative to: a peak that decays, causal."""
        # max_j level[k - j] - j release, as a plain sliding maximum of level[i] + i release.
        fade = self.release * torch.arange(level.shape[1]).to(level)
        risen = functional.pad(level + fade, (self.memory_frames, 0), value=_FLOOR)
        peak = functional.max_pool1d(risen[:, None], self.memory_frames + 1, 1)[:, 0]
        return (peak - fade).clamp(min=_FLOOR)
