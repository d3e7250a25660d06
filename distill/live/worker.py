"""The one thread that computes motion: whatever streams wait for a block get it in one call."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from distill.engines.engine import StreamingEngine, StreamState
from distill.feed import Work, advance_together
from distill.live.metrics import Metrics
from distill.stream import Frames, MotionStream

T = TypeVar("T")
Made = tuple[np.ndarray, StreamState] | Exception
Answer = Frames | Exception | None
News = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Request:
    """A stream that wants its next block, and what it has to hear first."""

    stream: MotionStream
    news: News | None = None

    def take(self) -> Work | None:
        """Return the block, or None until more is heard."""
        if self.news is not None:
            self.news()
        return self.stream.take()


class Worker:
    """Computes blocks of motion for any number of streams, batched by what waits.

    While one batch is computed the next one gathers, so nobody waits for anybody who is silent,
    and a stream with much sound takes one row of each batch, as all others do.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._thread = ThreadPoolExecutor(1, "motion")
        self._waiting: list[tuple[Request, asyncio.Future[Frames | None]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def call(self, work: Callable[[], T]) -> T:
        """Do something else where no network runs meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def step(self, stream: MotionStream, news: News | None = None) -> Frames | None:
        """Return the next frames of a stream, or None until it has heard more.

        `news` is done first, in the same thread: hearing a chunk, or its end.

        Raises:
            Exception: Whatever went wrong with this stream, and no other.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((Request(stream, news), future))
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._run())
        return await future

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            started = time.perf_counter()
            requests = [request for request, _ in batch]
            try:
                answers = await self.call(partial(step_all, requests))
            except Exception as error:  # nobody may be left waiting
                answers = [error] * len(batch)
            rows = sum(isinstance(answer, Frames) for answer in answers)
            if rows:
                self.metrics.batch(rows, time.perf_counter() - started)
            for (_, future), answer in zip(batch, answers, strict=True):
                _settle(future, answer)


def step_all(requests: Sequence[Request]) -> list[Answer]:
    """Advance each stream by a block where it has heard enough; errors stay with their stream."""
    streams = [request.stream for request in requests]
    taken = [_tried(request.take) for request in requests]
    answers: list[Answer] = [None if isinstance(work, Work) else work for work in taken]
    waiting = {i: work for i, work in enumerate(taken) if isinstance(work, Work)}
    for engine in {id(streams[i].engine): streams[i].engine for i in waiting}.values():
        rows = [i for i in waiting if streams[i].engine is engine]
        for i, made in zip(rows, _advance(engine, [waiting[i] for i in rows]), strict=True):
            answers[i] = made if isinstance(made, Exception) else _tried(streams[i].give, *made)
    return answers


def _advance(engine: StreamingEngine, works: Sequence[Work]) -> Sequence[Made]:
    """Compute blocks together; where that fails one by one, so that only the guilty one fails."""
    together = _tried(advance_together, engine, works)
    if not isinstance(together, Exception):
        return together
    alone = [_tried(advance_together, engine, [work]) for work in works]
    return [made if isinstance(made, Exception) else made[0] for made in alone]


def _tried(work: Callable[..., T], *arguments: Any) -> T | Exception:
    try:
        return work(*arguments)
    except Exception as error:
        return error


def _settle(future: "asyncio.Future[Frames | None]", answer: Answer) -> None:
    if future.done():  # its client is gone
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
