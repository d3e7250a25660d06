"""Whole files: an upload to an animation, the head, the sample clips, in a process of their own.

What decodes strangers' files or renders must not share a process with streams: it may take long,
take much memory, or crash.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from distill.audio.decode import load_audio
from distill.errors import UserError
from distill.face.files import CURVES, check_suffix, write_curves, write_motion
from distill.live.assets import load_face
from distill.talker import Persona, Talker, load

T = TypeVar("T")
NICENESS = 10
"""Streams go first where cores are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One animation: what to read, what to write, and how; fields as in `Talker.generate`."""

    source: Path
    target: Path
    folder: Path
    backend: str
    persona: Persona | str | None
    emotion: str | None
    strength: float
    seed: int
    steps: int | None
    size: int
    rig: str
    rig_path: str | None
    longest_s: float


class Studio:
    """A process that works through orders one by one; a crash costs one order."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._pool: ProcessPoolExecutor | None = None

    async def work(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of a module in the process.

        Raises:
            UserError: The function says so, or the process died of it.
        """
        async with self._turn:  # a dying pool takes all orders along that it has: it has one
            pool = self._pool = self._pool or ProcessPoolExecutor(
                1, multiprocessing.get_context("spawn"), initializer=_begin
            )
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
            except BrokenProcessPool as error:
                self._pool = None
                raise UserError("the file could not be worked on: its process ended") from error

    def close(self) -> None:
        """End the process, whatever it does: Python's own end would wait for its order."""
        if self._pool is not None:
            for process in self._pool._processes.values():  # `kill_workers` from Python 3.14 on
                process.kill()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends it
    os.nice(NICENESS)
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    """Wait for the end of the server, however it comes, and end too."""
    server = multiprocessing.parent_process()
    assert server is not None
    server.join()
    os._exit(0)


def animate(order: Order) -> None:
    """Turn a recording into a file of the format that its suffix names.

    Raises:
        UserError: The recording, the persona or the format cannot be used.
    """
    suffix = check_suffix(order.target)
    audio = load_audio(order.source, max_seconds=order.longest_s)
    talker = _talker(order.folder, order.backend)
    motion = talker.generate(
        audio, persona=order.persona, emotion=order.emotion, strength=order.strength,
        steps=order.steps, seed=order.seed,
    )  # fmt: skip
    if suffix in CURVES:
        write_curves(order.target, motion.values, motion.channels, fps=motion.fps, rig=motion.rig)
        return
    from distill.face.space import MotionSpace

    space = MotionSpace.identity(load_face(order.rig, order.rig_path, talker.channels), talker.fps)
    write_motion(order.target, motion.values, space, audio=audio, size=order.size)


@lru_cache(maxsize=8)
def _talker(folder: Path, backend: str) -> Talker:
    return load(folder, backend)
