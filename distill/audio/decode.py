"""Any recording to mono float32 at 16 kHz, block by block, with one clear sentence when it fails.

What is damaged half way (a cut download, a header that promises more than there is) is used up to
the damage, with a warning; only a file with nothing to decode is an error.
"""

import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32, Num

from distill.audio.containers import Block, DamagedAudio, parse_blocks, read_blocks
from distill.errors import UserError, UserNote
from distill.storage import atomic_path
from distill.units import SAMPLE_RATE_HZ

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000
LARGEST_SAMPLE = 1e6
"""Beyond this a float file does not hold audio, whatever its scale."""


def load_audio(
    path: str | Path, *, max_seconds: float | int = 4 * 3600
) -> Float32[np.ndarray, " S"]:
    """Return a recording as mono float32 at 16 kHz, channels averaged.

    Reads wav, flac, ogg, opus and mp3 through libsndfile, the rest (m4a, mp4, webm, ...) through
    FFmpeg. Memory is bounded by `max_seconds` whatever the file claims or unpacks to.

    Raises:
        UserError: There is no such file, it holds no audio or broken audio, its rate is outside
            1 to 768 kHz, or it is longer than `max_seconds`.
    """
    path = Path(path)
    _check_file(path)
    try:
        return _decoded(read_blocks(path), str(path), max_seconds)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the file") from error


def decode_audio(
    data: bytes, name: str, *, max_seconds: float | int = 4 * 3600
) -> Float32[np.ndarray, " S"]:
    """Return a wav, flac, ogg, opus or mp3 file held in memory, as `load_audio` returns a file.

    `name` says whose bytes they are in errors and warnings.
    """
    return _decoded(parse_blocks(data, name), name, max_seconds)


def _decoded(
    blocks: Iterator[Block], name: str, max_seconds: float | int
) -> Float32[np.ndarray, " S"]:
    converter, damage = _Converter(name, max_seconds), ""
    try:
        for block in blocks:
            converter.push(block.samples, block.rate_hz)
    except DamagedAudio as error:
        damage = str(error)
    audio = converter.finish()
    if not len(audio):
        reason = f"is damaged ({damage})" if damage else "holds no audio samples"
        raise UserError(f"{name} {reason}, so there is nothing to decode; record or copy it again")
    if damage:
        seconds = len(audio) / SAMPLE_RATE_HZ
        warnings.warn(
            f"{name} is damaged ({damage}); its first {seconds:.2f} s are used",
            category=UserNote,
            stacklevel=3,
        )
    return audio


def resample(audio: Num[np.ndarray, "S ..."], rate_hz: int) -> Float32[np.ndarray, " T"]:
    """Average the channels of float audio (S,) or (S, C) and bring it to 16 kHz.

    Raises:
        UserError: The rate is outside 1 to 768 kHz, or a sample is not a finite number.
    """
    converter = _Converter("audio", math.inf)
    if len(audio):
        converter.push(audio.reshape(len(audio), -1).astype(np.float32, copy=False), rate_hz)
    return converter.finish()


def write_wav(path: str | Path, audio: Num[np.ndarray, " S"]) -> None:
    """Write 16 kHz audio as a 16-bit wav, atomically; values outside -1 to 1 are clipped."""
    with atomic_path(Path(path)) as temporary:
        clipped = np.clip(np.nan_to_num(audio), -1, 1)
        soundfile.write(temporary, clipped, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the path of an audio file")
    if not path.is_file():
        raise UserError(f"{path} does not exist; check the path of the audio file")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is an empty file (0 bytes); record or copy it again")


class _Converter:
    """Collects decoded blocks as mono 16 kHz audio, and refuses what is not usable."""

    def __init__(self, name: str, max_seconds: float | int) -> None:
        self.name, self.max_seconds = name, max_seconds
        self.parts: list[np.ndarray] = []
        self.rate_hz, self.taken, self.last = 0, 0, np.zeros(0, np.float32)
        self.stream: soxr.ResampleStream | None = None

    def push(self, samples: Float32[np.ndarray, "S C"], rate_hz: int) -> None:
        """Take the next samples of the recording."""
        if not self.rate_hz:
            self._start(rate_hz)
        bad = ~(np.abs(samples) <= LARGEST_SAMPLE).all(axis=1)
        if bad.any():
            position = self.taken + int(bad.argmax())
            raise UserError(
                f"{self.name} holds a value that is not finite audio at sample {position} "
                f"({position / self.rate_hz:.3f} s); repair or export the recording again"
            )
        mono = samples.mean(axis=1, dtype=np.float32)
        self.taken, self.last = self.taken + len(mono), mono[-1:]
        if self.taken > self.max_seconds * self.rate_hz:
            raise UserError(
                f"{self.name} is longer than the limit of {self.max_seconds:g} s; "
                "cut it into shorter files"
            )
        self.parts.append(mono if self.stream is None else self.stream.resample_chunk(mono))

    def finish(self) -> Float32[np.ndarray, " T"]:
        """Return the whole recording: at least one sample when anything was pushed."""
        if self.stream is not None:
            self.parts.append(self.stream.resample_chunk(np.zeros(0, np.float32), last=True))
        audio = np.concatenate([np.zeros(0, np.float32), *self.parts])
        return audio if len(audio) else self.last

    def _start(self, rate_hz: int) -> None:
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            raise UserError(
                f"{self.name} has a sample rate of {rate_hz} Hz, outside {LOWEST_RATE_HZ} to "
                f"{HIGHEST_RATE_HZ} Hz; convert it to {SAMPLE_RATE_HZ} Hz"
            )
        self.rate_hz = rate_hz
        if rate_hz != SAMPLE_RATE_HZ:
            self.stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")
