"""Clips from several worker processes, in the order they were asked for."""

import json
import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from distill.data.synthetic.clip import Job, Made
from distill.data.synthetic.engines import Phone
from distill.errors import UserError

_ROOT = Path(__file__).parents[3]
_HEAD_BYTES = 4


def make_clips(jobs: Iterable[Job], workers: int | None = None) -> Generator[Made, None, None]:
    """Yield the clip of each job, in order, whatever the number of workers.

    Raises:
        UserError: The speech engine is missing or refuses a voice.
    """
    count = workers or default_workers()
    idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
    processes = [_start() for _ in range(count)]
    for process in processes:
        idle.put(process)

    def run(job: Job) -> Made:
        process = idle.get()
        try:
            return _ask(process, job)
        finally:
            idle.put(process)

    waiting: deque[Future[Made]] = deque()
    threads = ThreadPoolExecutor(count)
    try:
        for job in jobs:
            waiting.append(threads.submit(run, job))
            if len(waiting) >= 4 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        for process in processes:
            _stop(process)


def default_workers() -> int:
    """Return the processors this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)


def _start() -> subprocess.Popen[bytes]:
    path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        [sys.executable, "-m", "distill.data.synthetic.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # an interrupt reaches this process, which ends its workers
        env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(path)},
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let a worker end: it does when its jobs end."""
    assert process.stdin and process.stdout
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ask(process: subprocess.Popen[bytes], job: Job) -> Made:
    assert process.stdin and process.stdout
    try:
        process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        process.stdin.flush()
        size = int.from_bytes(_exactly(process, _HEAD_BYTES), "little")
    except BrokenPipeError as error:
        raise RuntimeError("a speech worker ended; its message is above") from error
    head = json.loads(_exactly(process, size))
    if "error" in head:
        raise UserError(head["error"])
    audio = np.frombuffer(_exactly(process, 2 * head["samples"]), np.int16)
    frames, channels = head["shape"]
    motion = np.frombuffer(_exactly(process, 2 * frames * channels), np.float16)
    return Made(
        audio=audio,
        motion=motion.reshape(frames, channels),
        phones=tuple(
            Phone(label=p[0], start_s=p[1], end_s=p[2], release_s=p[3], stress=p[4])
            for p in head["phones"]
        ),
        words=tuple((w[0], w[1], w[2]) for w in head["words"]),
    )


def _exactly(process: subprocess.Popen[bytes], size: int) -> bytes:
    assert process.stdout
    data = process.stdout.read(size)
    if len(data) != size:
        raise RuntimeError("a speech worker ended in the middle of a clip; its message is above")
    return data
