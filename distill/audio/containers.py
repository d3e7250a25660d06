"""Audio files as a run of decoded blocks: libsndfile first, FFmpeg for what it cannot read."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile

from distill.errors import UserError

if TYPE_CHECKING:
    from av.container import InputContainer

BLOCK_VALUES = 1 << 14
"""Samples per read: the one in which a file breaks off is lost, so it is short."""
_STREAMED_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)


class DamagedAudio(Exception):
    """Decoding stopped early; the blocks before it are good. The text says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Decoded samples (N, channels) float32, full scale 1, and their rate."""

    samples: np.ndarray
    rate_hz: int


class _Forward(soundfile.SoundFile):
    """A file read straight through: soundfile's seek after each read garbles mp3 at the joins."""

    def seekable(self) -> bool:
        return False


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield the blocks of an audio file, a second or less at a time.

    Raises:
        DamagedAudio: After the last good block, when the file breaks off or goes bad.
        UserError: The file is not audio, or cannot be read.
    """
    try:
        file = _Forward(path)
    except (soundfile.LibsndfileError, TypeError):
        yield from _ffmpeg_blocks(path)
        return
    with file:
        yield from _sndfile_blocks(file)
    missing_bytes = _missing_bytes(path)
    if missing_bytes:
        raise DamagedAudio(f"{missing_bytes} bytes promised by its header are missing")


def header_seconds(path: Path) -> float | None:
    """Return how long a file claims to be without decoding it; None where it does not say.

    Raises:
        UserError: The file is not audio, or cannot be read.
    """
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, TypeError):
        with _opened(path) as container:
            stream = container.streams.audio[0]
            if stream.duration is None or stream.time_base is None:
                return None
            return float(stream.duration * stream.time_base)
    return info.frames / info.samplerate


def parse_blocks(data: bytes, name: str) -> Iterator[Block]:
    """Yield the blocks of a wav, flac, ogg, opus or mp3 file held in memory, as `read_blocks`."""
    try:
        file = _Forward(io.BytesIO(data))
    except (soundfile.LibsndfileError, TypeError) as error:
        raise UserError(f"{name} is not audio that can be decoded; make it again") from error
    with file:
        yield from _sndfile_blocks(file)


def _sndfile_blocks(file: soundfile.SoundFile) -> Iterator[Block]:
    size, taken = max(1, BLOCK_VALUES // file.channels), 0
    while True:
        try:
            samples = file.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DamagedAudio(error.error_string.rstrip(".")) from error
        if not len(samples):
            break
        taken += len(samples)
        yield Block(samples=samples, rate_hz=file.samplerate)
    if file.format == "FLAC" and taken < file.frames:
        raise DamagedAudio(f"{file.frames - taken} samples promised by its header are missing")


@contextmanager
def _opened(path: Path) -> Iterator["InputContainer"]:
    """Open a file that has a sound track with FFmpeg."""
    import av
    from av.error import FFmpegError

    try:
        container = av.open(str(path), metadata_errors="ignore")
    except PermissionError as error:
        raise UserError(f"{path} may not be read; change its permissions") from error
    except (FFmpegError, ValueError) as error:
        raise UserError(
            f"{path} is not audio that can be decoded; give a wav, flac, ogg, opus, mp3, m4a, "
            "mp4 or webm file"
        ) from error
    with container:
        if not container.streams.audio:
            raise UserError(f"{path} has no sound track; give a file with audio")
        yield container


def _ffmpeg_blocks(path: Path) -> Iterator[Block]:
    import av
    from av.error import FFmpegError

    with _opened(path) as container:
        convert = av.AudioResampler(format="fltp")
        rate_hz = 0
        try:
            for frame in container.decode(container.streams.audio[0]):
                rate_hz = rate_hz or frame.sample_rate
                for part in convert.resample(frame):
                    yield Block(samples=part.to_ndarray().T, rate_hz=rate_hz)
        except (FFmpegError, ValueError) as error:
            raise DamagedAudio(str(error)) from error


def _missing_bytes(path: Path) -> int:
    """Return how many bytes of a wav's data chunk lie beyond the end of the file."""
    with open(path, "rb") as file:
        header = file.read(12)
        if header[:4] != b"RIFF" or header[8:] != b"WAVE":
            return 0
        start, size = _data_chunk(file)
    if size in _STREAMED_SIZES:
        return 0
    return max(0, start + size - path.stat().st_size)


def _data_chunk(file: BinaryIO) -> tuple[int, int]:
    """Return offset and promised size of a wav's data chunk (0, 0 when there is none)."""
    while len(head := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return file.tell(), size
        file.seek(size + size % 2, 1)
    return 0, 0
