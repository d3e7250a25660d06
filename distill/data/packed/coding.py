"""How audio and motion of a clip become bytes, and back."""

import io

import numpy as np
from jaxtyping import Float, Float32

from distill.errors import UserError
from distill.types import SAMPLE_RATE_HZ

AUDIO = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
MOTION = ("float16", "float32")
FULL_SCALE = 32768


def encode_audio(audio: Float[np.ndarray, " S"], codec: str) -> bytes:
    """Compress 16 kHz audio: `flac` loses nothing of 16-bit audio, `opus` is several times smaller.

    Raises:
        UserError: There is no such codec.
    """
    import soundfile

    if codec not in AUDIO:
        raise UserError(f"audio={codec} is not one of {', '.join(AUDIO)}")
    kind, subtype = AUDIO[codec]
    whole = np.clip(np.round(audio * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, whole, SAMPLE_RATE_HZ, format=kind, subtype=subtype)
    return file.getvalue()


def decode_audio(data: bytes, samples: int) -> Float32[np.ndarray, " S"]:
    """Return audio in [-1, 1] of exactly so many samples."""
    import soundfile

    audio, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    return np.pad(audio[:samples], (0, max(0, samples - len(audio))))


def encode_motion(motion: Float[np.ndarray, "F D"], kind: str) -> bytes:
    """Write motion as little-endian numbers of a kind.

    Raises:
        UserError: There is no such kind, or a value does not fit it.
    """
    if kind not in MOTION:
        raise UserError(f"motion={kind} is not one of {', '.join(MOTION)}")
    largest = float(np.abs(motion).max(initial=0.0))
    if not largest <= float(np.finfo(kind).max):
        raise UserError(f"motion reaches {largest:g}, which {kind} cannot hold; use float32")
    return motion.astype(np.dtype(kind).newbyteorder("<")).tobytes()


def decode_motion(data: bytes, kind: str, channels: int) -> Float32[np.ndarray, "F D"]:
    """Return motion, one row per frame."""
    values = np.frombuffer(data, np.dtype(kind).newbyteorder("<"))
    return values.reshape(-1, channels).astype(np.float32)
