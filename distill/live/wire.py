"""What goes over a stream's socket: the header, chunks of sound in, frames out.

The client sends one JSON header as text, then binary chunks of little-endian mono sound, and ends
with the text `{"type": "flush"}`. The server answers `ready`, then frames, then `end`.
"""

import json
import struct
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distill.errors import UserError
from distill.stream import RATES_HZ, Frames, MotionStream

FORMATS = {"pcm16": np.dtype("<i2"), "float32": np.dtype("<f4")}
COUNTS = struct.Struct("<II")
"""Head of a binary message: frames F and channels D."""
STRONGEST = 5.0


class Header(BaseModel):
    """The first message of a stream.

    Attributes:
        sample_rate: Of the samples, in Hz.
        format: Of the samples: 16-bit integers, or floats in [-1, 1].
        mode: Of the frames that come back.
        model: Name of a served model; None is the first.
        persona: Name in the model's bank; None is the average voice.
        emotion: Name in the model's bank; None is neutral.
        strength: 0 is the average style, 1 the persona as it is, above 1 exaggerates.
        seed: Seed of the motion that speech leaves open.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    sample_rate: int = Field(ge=RATES_HZ[0], le=RATES_HZ[1])
    format: Literal["pcm16", "float32"] = "pcm16"
    mode: Literal["binary", "json"] = "binary"
    model: str | None = None
    persona: str | None = None
    emotion: str | None = None
    strength: float = Field(1.0, ge=0.0, le=STRONGEST)
    seed: int = Field(0, ge=0, lt=2**63)


def read_header(text: str) -> Header:
    """Return the header that a client sent.

    Raises:
        UserError: It is no JSON, or a field is unknown, missing or outside its range.
    """
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"header: {sentence(error.errors()[0])}") from error


def sentence(problem: Any) -> str:
    """Return one problem that pydantic found as words: where, and what."""
    where = ".".join(str(part) for part in problem["loc"] if part != "body")
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])


def is_flush(text: str) -> bool:
    """Tell whether a text message ends the sound."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("type") == "flush"


def samples(data: bytes, form: str) -> Float[np.ndarray, " N"]:
    """Return the samples of a chunk in [-1, 1].

    Raises:
        UserError: The chunk ends inside a sample.
    """
    kind = FORMATS[form]
    if len(data) % kind.itemsize:
        raise UserError(
            f"a chunk of {len(data)} bytes is no whole number of {form} samples of "
            f"{kind.itemsize} bytes; cut the sound between samples"
        )
    values = np.frombuffer(data, kind).astype(np.float32)
    return values / np.float32(32768) if form == "pcm16" else values


def ready(stream: MotionStream, channels: tuple[str, ...]) -> str:
    """Return the message that follows a header."""
    return json.dumps(
        {
            "type": "ready",
            "channels": list(channels),
            "fps": stream.fps,
            "latency_frames": stream.latency_frames,
            "delay_ms": 1000.0 * stream.delay_s,
        }
    )


def packed(frames: Frames, mode: str) -> str | bytes:
    """Return frames as a message: JSON text, or F and D, F float64 times, F x D float32 values."""
    if mode == "json":
        times, values = frames.times_s.tolist(), frames.values.tolist()
        return json.dumps({"type": "frames", "times_s": times, "values": values})
    head = COUNTS.pack(*frames.values.shape)
    return head + frames.times_s.astype("<f8").tobytes() + frames.values.astype("<f4").tobytes()


def unpacked(message: str | bytes) -> Frames:
    """Return the frames of a message, as a client in Python reads them."""
    if isinstance(message, str):
        found = json.loads(message)
        values, times = found["values"], found["times_s"]
        return Frames(values=np.array(values, np.float32), times_s=np.array(times))
    count, channels = COUNTS.unpack_from(message)
    times_s = np.frombuffer(message, "<f8", count, COUNTS.size)
    values = np.frombuffer(message, "<f4", count * channels, COUNTS.size + times_s.nbytes)
    return Frames(values=values.reshape(count, channels), times_s=times_s)
