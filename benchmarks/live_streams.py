"""Streams measured in this process: what a frame costs, and how late frames are when many run."""

import time
from collections.abc import Sequence

import numpy as np
import soxr

from benchmarks.speed import speech_like_audio
from distill.audio.grid import WindowGrid
from distill.feed import advance_together
from distill.stream import MotionStream
from distill.talker import Talker
from distill.units import SAMPLE_RATE_HZ

CHUNK_S, WARM_UP_S, SPEECH_S = 0.02, 1.0, 4.0
CHUNK = round(CHUNK_S * SAMPLE_RATE_HZ)


def measure_alone(talker: Talker, seconds: float, rate_hz: int) -> dict[str, float | int]:
    """Push speech in chunks of 20 ms; return delays in ms, the compute of a frame apart."""
    stream, chunk = talker.stream(), round(CHUNK_S * rate_hz)
    audio = soxr.resample(speech_like_audio(seconds + WARM_UP_S), SAMPLE_RATE_HZ, rate_hz)
    spent, costs_ms, first_ms = 0.0, [], 0.0
    for start in range(0, len(audio) - chunk + 1, chunk):
        before = time.perf_counter()
        frames = stream.push(audio[start : start + chunk], rate_hz)
        spent += 1000 * (time.perf_counter() - before)
        if len(frames.values):
            first_ms = first_ms or 1000 * (start + chunk) / rate_hz
            costs_ms += [(start, spent / len(frames.values))] * len(frames.values)
            spent = 0.0
    warm = np.array([cost for start, cost in costs_ms if start >= WARM_UP_S * rate_hz])
    return {
        "rate_hz": rate_hz,
        "algorithmic_ms": 1000 * stream.delay_s,
        "latency_frames": stream.latency_frames,
        "compute_p50_ms": float(np.percentile(warm, 50)),
        "compute_p95_ms": float(np.percentile(warm, 95)),
        "compute_p99_ms": float(np.percentile(warm, 99)),
        "first_sound_ms": first_ms,
        "first_motion_ms": first_ms + costs_ms[0][1],
        "frames": len(warm),
    }


class Crowd:
    """Streams of people who all speak at once, each chunk at its own time.

    Args:
        talker: The model.
        streams: How many.
    """

    def __init__(self, talker: Talker, streams: int) -> None:
        voices = list(talker.bank.identities) if talker.bank is not None else [None]
        self.streams: list[MotionStream] = [
            talker.stream(persona=voices[i % len(voices)], seed=i) for i in range(streams)
        ]
        self.shape = self.streams[0].engine.stream
        self.grid = WindowGrid(talker.fps, self.shape.per_frame)
        self.phases_s = CHUNK_S * (np.arange(streams) + 0.5) / streams
        self.heard, self.blocks = np.zeros(streams, int), np.zeros(streams, int)
        self.audio = speech_like_audio(SPEECH_S)

    def hear(self, now_s: float) -> None:
        """Give every stream the chunks that have come by now."""
        due = np.floor((now_s - self.phases_s) / CHUNK_S).astype(int)
        for i in np.flatnonzero(due > self.heard):
            for chunk in range(self.heard[i], due[i]):
                at = chunk * CHUNK % (len(self.audio) - CHUNK)
                self.streams[i].hear(self.audio[at : at + CHUNK])
            self.heard[i] = due[i]

    def due_s(self, i: int) -> float:
        """When the chunk that completes the next block of a stream is there."""
        begin = self.shape.shift_frames - self.shape.early_frames
        first = begin + self.blocks[i] * self.shape.block_frames
        samples = self.grid.end(int(first) + self.shape.block_frames - 1)
        return float(self.phases_s[i] + CHUNK_S * max(-(-samples // CHUNK), 1))

    def advance(self) -> list[float]:
        """Compute a block of every stream that has heard enough, in one call.

        Returns when each of them was due.
        """
        taken = [(i, work) for i, s in enumerate(self.streams) if (work := s.take()) is not None]
        if not taken:
            return []
        due_s = [self.due_s(i) for i, _ in taken]
        answers = advance_together(self.streams[0].engine, [work for _, work in taken])
        for (i, _), answer in zip(taken, answers, strict=True):
            self.streams[i].give(*answer)
            self.blocks[i] += 1
        return due_s

    def overdue(self, now_s: float) -> list[float]:
        """Return when blocks were due that are not computed by now."""
        late = []
        for i in range(len(self.streams)):
            while (due_s := self.due_s(i)) < now_s:
                late.append(due_s)
                self.blocks[i] += 1
        return late


def measure_crowd(
    talker: Talker, streams: int, seconds: float, start_at: float
) -> dict[str, Sequence[float] | float]:
    """Run streams in real time from a moment on (`time.time`); return how late each block was.

    A block is late by the time from the arrival of the chunk that completes it to its frames; one
    that is still missing at the end by the time until then.
    """
    crowd = Crowd(talker, streams)
    crowd.hear(WARM_UP_S)
    while crowd.advance():
        pass
    late_ms, busy_s, end = [], 0.0, WARM_UP_S + seconds
    began = time.perf_counter() + start_at - time.time() - WARM_UP_S
    while (now := time.perf_counter() - began) < end:
        crowd.hear(now)
        due_s = crowd.advance()
        done = time.perf_counter() - began
        if due_s:
            busy_s += done - max(now, WARM_UP_S)
            late_ms += [1000 * (done - due) for due in due_s]
        else:
            time.sleep(max(min(map(crowd.due_s, range(streams))) - done, 0.0))
    now = time.perf_counter() - began
    late_ms += [1000 * (now - due) for due in crowd.overdue(now)]
    return {"late_ms": late_ms, "busy": busy_s / seconds}
