"""Recordings made in the tests: a speech-like sound whose timing can be measured."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile


def chirp_bursts(rate_hz: int, seconds: float = 2.0) -> np.ndarray:
    """Return smooth tone bursts between 200 and 1500 Hz, defined in time and so at any rate."""
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    phase = 2 * np.pi * (200 * time_s + 300 * time_s**2)
    envelope = 0.1 + 0.9 * np.sin(2 * np.pi * 1.5 * time_s) ** 2
    fade = np.minimum(1, np.minimum(time_s, seconds - time_s) / 0.05)
    return 0.5 * fade * envelope * np.sin(phase)


def write_ffmpeg(path: Path, audio: np.ndarray, rate_hz: int, codec: str) -> None:
    import av

    layout = "mono" if audio.ndim == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        planar = np.ascontiguousarray(audio.reshape(len(audio), -1).T, np.float32)
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        resampler = av.AudioResampler(
            format=stream.format, layout=layout, rate=rate_hz, frame_size=stream.frame_size
        )
        for piece in [frame, None]:
            for part in resampler.resample(piece):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def write(path: Path, audio: np.ndarray, rate_hz: int, **kwargs: str) -> Path:
    soundfile.write(path, audio, rate_hz, **kwargs)
    return path


def delay_samples(heard: np.ndarray, sent: np.ndarray) -> float:
    """Return by how many samples `heard` lags `sent`, to a fraction of a sample."""
    count = min(len(heard), len(sent))
    size = 2 * count
    cross = np.fft.irfft(
        np.fft.rfft(heard[:count], size) * np.conj(np.fft.rfft(sent[:count], size)), size
    )
    best = int(cross.argmax())
    before, at, after = cross[best - 1], cross[best], cross[(best + 1) % size]
    best += 0.5 * (before - after) / (before - 2 * at + after)
    return best - size if best > size / 2 else best
