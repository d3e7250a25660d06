"""How far and how fast each channel moves inside clips, and noise that moves the same way.

White noise on motion is a tremble that no face shows: brows and heads have nearly all their power
under 3 Hz. Noise with the data's own spectrum leaves a network that adds detail nothing to remove.
"""

import numpy as np
from jaxtyping import Float

MEMORY_S = 128 / 30
"""Length of spectra and of noise filters: 128 frames at 30 per second. With 64 the noise of the
slowest channel, the head, is a third rougher than the head."""
PADDING = 4
"""Windows are padded to so many times their length before they are transformed."""
ROUNDS = 12
"""Of the search for the power where a window cannot see; each about halves what is wrong."""
LEAST_DEVIATION = 0.05
"""Channels that hardly move inside clips get noise as if they moved this much (normalized)."""
SHORTEST_SHARE = 0.1
"""Least share of noise's variance that is taken to lie inside clips."""
POWER_FLOOR = 1e-6
"""Added to every spectrum of mean 1: what the rarest frequency gets."""


class Movement:
    """Adds up deviations inside clips and Welch spectra (squared Hann windows, half overlap).

    Args:
        channels: Number of channels, D.
        fps: Motion frames per second.
    """

    def __init__(self, channels: int, fps: float) -> None:
        self.frames = round(MEMORY_S * fps)
        self.bins = PADDING * self.frames // 2 + 1
        self.squares, self.weight, self.clips = np.zeros(channels), 0, 0
        self.power, self.windows = np.zeros((self.bins, channels)), 0

    def add(self, motion: Float[np.ndarray, "F D"]) -> None:
        """Add one clip; its mean is not movement."""
        moved = motion - motion.mean(0)
        self.squares += (moved**2).sum(0)
        self.weight += len(moved)
        self.clips += 1
        length = min(self.frames, len(moved))
        # Squared, since heads lose power with frequency faster than a Hann window leaks it.
        fade = np.hanning(length + 2)[1:-1, None] ** 2
        fade = fade / np.sqrt((fade**2).sum())
        for first in range(0, len(moved) - length + 1, max(length // 2, 1)):
            window = moved[first : first + length] * fade
            self.power += np.abs(np.fft.rfft(window, n=PADDING * self.frames, axis=0)) ** 2
            self.windows += 1

    def noise_taps(self, std: Float[np.ndarray, " D"]) -> Float[np.ndarray, "K D"]:
        """Return the causal filter of each channel's noise, in units of motion divided by `std`.

        Its squared response is the spectrum, and inside clips as long as the data's its noise
        deviates as far as the data does. Windows see too little of what is slower than they are
        long, so that is raised until both hold; raised alike, all of it would be too rough. (Slow
        noise also wanders from clip to clip, as faces do.)
        """
        variance = self.squares / max(self.weight, 1) / std**2
        variance = np.maximum(variance, LEAST_DEVIATION**2)
        power = self.power / max(self.windows, 1) / std**2 + POWER_FLOOR * variance
        slow = (np.arange(self.bins) <= PADDING)[:, None]
        share = (2 * PADDING + 1) / (2 * (self.bins - 1))  # of all frequencies, both signs
        length, raised = round(self.weight / max(self.clips, 1)) or 1, np.zeros_like(variance)
        taps = minimum_phase(power, self.frames) * np.sqrt(_variance_of(power))
        for _ in range(ROUNDS):
            missing = variance - inside_deviation(taps, length) ** 2
            raised = np.maximum(raised + missing / share, 0.0)
            whole = power + raised * slow
            taps = minimum_phase(whole, self.frames) * np.sqrt(_variance_of(whole))
        return taps * np.sqrt(variance) / inside_deviation(taps, length)


def _variance_of(power: Float[np.ndarray, "N D"]) -> np.ndarray:
    """Return the variance of noise whose power at frequencies from 0 to half the rate is given."""
    return (2 * power.sum(0) - power[0] - power[-1]) / (2 * (len(power) - 1))


def inside_deviation(taps: Float[np.ndarray, "K D"], frames: int) -> np.ndarray:
    """Return how far filtered white noise deviates from its mean over so many frames (D).

    Its variance less that of the mean, (1 / L^2) sum_j (L - |j|) r(j) with autocovariance r.
    """
    size = 2 * max(len(taps), frames)
    covariance = np.fft.irfft(np.abs(np.fft.rfft(taps, n=size, axis=0)) ** 2, axis=0)
    lags = np.arange(1, min(frames, len(taps)))
    of_mean = frames * covariance[0] + 2 * ((frames - lags)[:, None] * covariance[lags]).sum(0)
    least = SHORTEST_SHARE * covariance[0]  # of clips so short that nothing moves in them
    return np.sqrt(np.maximum(covariance[0] - of_mean / frames**2, least))


def minimum_phase(power: Float[np.ndarray, "N D"], taps: int) -> Float[np.ndarray, "K D"]:
    """Return the causal filter of unit energy with the least delay whose squared response is given.

    By the real cepstrum, folded to positive times (Oppenheim & Schafer, Discrete-Time Signal
    Processing, 13.5); `power` (N D) is that of the frequencies from 0 to half the frame rate.
    """
    whole = np.concatenate([power, power[-2:0:-1]])
    half = len(whole) // 2
    cepstrum = np.fft.ifft(np.log(whole) / 2, axis=0).real
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    response = np.fft.ifft(np.exp(np.fft.fft(cepstrum, axis=0)), axis=0).real[:taps]
    return response / np.sqrt((response**2).sum(0))


def fastest_hz(taps: Float[np.ndarray, "K D"], fps: float, share: float) -> np.ndarray:
    """Return per channel the frequency (Hz) below which `share` of a filter's power lies (D)."""
    power = np.abs(np.fft.rfft(taps, n=4 * len(taps), axis=0)) ** 2
    below = np.cumsum(power, axis=0) / power.sum(0)
    return (below < share).sum(0) * fps / (4 * len(taps))
