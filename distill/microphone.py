"""`python -m distill.microphone --out take.csv`: your voice in, a Live Link Face recording out.

It listens until ctrl-c (or `--seconds`), says once a second how fast the face moves, and then
writes what it has moved. Needs the `microphone` extra.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from distill.command import guarded
from distill.errors import UserError
from distill.face.files import CURVES, check_suffix, write_curves
from distill.stream import MotionStream

BLOCK_S = 0.02
GONE_S = 2.0
"""A microphone that gives nothing for so long is taken to be unplugged."""


@runtime_checkable
class Source(Protocol):
    """Where sound comes from: mono pieces in [-1, 1] at `sample_rate_hz`, until it ends."""

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        ...

    def __iter__(self) -> Iterator[np.ndarray]: ...


class Microphone:
    """The sound of an input device, from when it is iterated over until it is unplugged.

    Args:
        device: Name or number as `python -m sounddevice` lists them; the system's own when absent.

    Raises:
        UserError: sounddevice or its library is not installed, there is no such device, or (when
            iterated over) it cannot be opened.
    """

    def __init__(self, device: str | None = None) -> None:
        try:
            import sounddevice
        except (ModuleNotFoundError, OSError) as error:
            raise UserError(
                f"the microphone needs sounddevice and PortAudio ({error}); run `python -m pip "
                "install facedistill[microphone]`, on Linux `apt-get install libportaudio2` too"
            ) from error
        self._library = sounddevice
        self._device = int(device) if device is not None and device.isdigit() else device
        try:
            found = sounddevice.query_devices(self._device, "input")
        except (ValueError, sounddevice.PortAudioError) as error:
            raise UserError(
                f"there is no microphone {device or ''!r} ({error}); `python -m sounddevice` "
                "lists those that can be named with --device"
            ) from error
        self.sample_rate_hz = int(found["default_samplerate"])

    def __iter__(self) -> Iterator[np.ndarray]:
        pieces: Queue[np.ndarray] = Queue()
        return self._pieces(self._open(pieces), pieces)

    def _open(self, pieces: Queue[np.ndarray]) -> AbstractContextManager[Any]:
        try:
            opened = self._library.InputStream(
                device=self._device,
                channels=1,
                samplerate=self.sample_rate_hz,
                blocksize=round(BLOCK_S * self.sample_rate_hz),
                dtype="float32",
                callback=lambda sound, *_: pieces.put(sound[:, 0].copy()),
            )
            opened.start()
        except self._library.PortAudioError as error:
            raise UserError(
                f"the microphone does not open ({error}); close the program that uses it, let this "
                "one use it, or choose another with --device"
            ) from error
        return opened

    def _pieces(
        self, opened: AbstractContextManager[Any], pieces: Queue[np.ndarray]
    ) -> Iterator[np.ndarray]:
        with opened, suppress(Empty):  # unplugged: what was heard so far is kept
            while True:
                yield pieces.get(timeout=GONE_S)


@dataclass(slots=True, kw_only=True)
class Tempo:
    """How fast a stream answers: seconds heard, frames made, seconds spent on them."""

    heard_s: float = 0.0
    frames: int = 0
    spent_s: float = 0.0

    def line(self, delay_s: float) -> str:
        """Return it in words."""
        rate_hz = self.frames / self.heard_s if self.heard_s else 0.0
        frame_ms = 1000 * self.spent_s / self.frames if self.frames else 0.0
        return (
            f"{self.heard_s:.1f} s heard, {rate_hz:.1f} frames per second, "
            f"{frame_ms:.1f} ms each; a frame waits for {1000 * delay_s:.0f} ms of sound"
        )


def follow(
    stream: MotionStream,
    pieces: Iterable[Float[np.ndarray, " N"]],
    sample_rate_hz: int,
    *,
    seconds: float | None = None,
    tell: Callable[[Tempo], None] = lambda tempo: None,
) -> Float[np.ndarray, "F D"]:
    """Return all motion to a sound that arrives piece by piece.

    It ends with the sound, after `seconds`, or with ctrl-c; `tell` hears of it once a second.
    """
    tempo, made, told = Tempo(), list[np.ndarray](), 0

    def answer(piece: np.ndarray | None) -> None:
        start = time.perf_counter()
        frames = stream.flush() if piece is None else stream.push(piece, sample_rate_hz)
        tempo.spent_s += time.perf_counter() - start
        tempo.frames += len(frames.values)
        made.append(frames.values)

    try:
        for piece in pieces:
            answer(piece)
            tempo.heard_s += len(piece) / sample_rate_hz
            if int(tempo.heard_s) > told:
                told = int(tempo.heard_s)
                tell(tempo)
            if seconds is not None and tempo.heard_s >= seconds:
                break
    except KeyboardInterrupt:
        pass  # the way to stop
    answer(None)
    tell(tempo)
    return np.concatenate(made)


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    options = argparse.ArgumentParser(
        prog="python -m distill.microphone", description="Move a face while you speak."
    )
    options.add_argument("--model", default="stream", help="streaming model: a name, or a folder")
    options.add_argument("--out", type=Path, default=Path("take.csv"), help=".csv or .npz")
    options.add_argument("--persona", help="name in the model's bank, or a recording of somebody")
    options.add_argument("--emotion", help="name in the model's bank")
    options.add_argument("--strength", type=float, default=1.0, help="0 average, 1 as is, 2 strong")
    options.add_argument("--backend", choices=("torch", "onnx"), default="torch")
    options.add_argument("--device", help="microphone; `python -m sounddevice` lists them")
    options.add_argument("--seconds", type=float, help="stop by itself after so long")
    return options


def record(options: argparse.Namespace, source: Source | None = None) -> None:
    """Do what the command line says; `source` stands in for the microphone.

    Raises:
        UserError: An option, the model or the microphone cannot be used, or nothing was heard.
    """
    check_suffix(options.out, CURVES)
    from distill.talker import load

    talker = load(options.model, options.backend)
    stream = talker.stream(
        persona=options.persona, emotion=options.emotion, strength=options.strength
    )
    source = source or Microphone(options.device)
    stream.tune(source.sample_rate_hz)
    pieces = iter(source)
    sys.stderr.write("listening; ctrl-c stops and writes\n")
    motion = follow(
        stream,
        pieces,
        source.sample_rate_hz,
        seconds=options.seconds,
        tell=lambda tempo: _show(tempo.line(stream.delay_s)),
    )
    sys.stderr.write("\n")
    if not len(motion):
        raise UserError(f"nothing was heard, so {options.out} is not written; speak, then stop")
    written = write_curves(
        options.out, motion, talker.channels, fps=talker.fps, rig=talker.config["rig"]
    )
    sys.stdout.write(f"{written}\n")


def _show(line: str) -> None:
    sys.stderr.write(f"\r{line}")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(arguments)
    return guarded(lambda: record(options))


if __name__ == "__main__":
    sys.exit(main())
