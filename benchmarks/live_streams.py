"""Streams measured in this process: what a frame costs, and how late frames are when many run."""

import time
from collections.abc import Sequence

import numpy as np

from benchmarks.speed import speech_like_audio
from distill.stream import MotionStream, advance_together
from distill.talker import Talker
from distill.units import SAMPLE_RATE_HZ

CHUNK_S, WARM_UP_S, SPEECH_S = 0.02, 1.0, 4.0
CHUNK = round(CHUNK_S * SAMPLE_RATE_HZ)


def measure_alone(talker: Talker, seconds: float) -> dict[str, float]:
    """Push speech in chunks of 20 ms; return delays in ms, the compute of a frame apart."""
    stream = talker.stream()
    audio = speech_like_audio(seconds + WARM_UP_S)
    spent, costs_ms, first_ms = 0.0, [], 0.0
    for start in range(0, len(audio) - CHUNK + 1, CHUNK):
        before = time.perf_counter()
        frames = stream.push(audio[start : start + CHUNK])
        spent += 1000 * (time.perf_counter() - before)
        if len(frames.values):
            first_ms = first_ms or 1000 * (start + CHUNK) / SAMPLE_RATE_HZ
            costs_ms += [(start, spent / len(frames.values))] * len(frames.values)
            spent = 0.0
    warm = np.array([cost for start, cost in costs_ms if start >= WARM_UP_S * SAMPLE_RATE_HZ])
    return {
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
        self.phases_s = CHUNK_S * (np.arange(streams) + 0.5) / streams
        self.heard = np.zeros(streams, int)
        self.audio = speech_like_audio(SPEECH_S)

    def hear(self, now_s: float) -> None:
        """Give every stream the chunks that have come by now."""
        due = np.floor((now_s - self.phases_s) / CHUNK_S).astype(int)
        for i in np.flatnonzero(due > self.heard):
            for chunk in range(self.heard[i], due[i]):
                at = chunk * CHUNK % (len(self.audio) - CHUNK)
                self.streams[i].hear(self.audio[at : at + CHUNK])
            self.heard[i] = due[i]

    def advance(self) -> list[int]:
        """Compute a block of every stream that has heard enough, in one call; return which."""
        taken = [(i, work) for i, s in enumerate(self.streams) if (work := s.take()) is not None]
        if taken:
            answers = advance_together(self.streams[0].engine, [work for _, work in taken])
            for (i, _), answer in zip(taken, answers, strict=True):
                self.streams[i].give(*answer)
        return [i for i, _ in taken]

    def arrived_s(self, i: int) -> float:
        """When the last chunk that a stream has heard was there."""
        return float(self.phases_s[i] + CHUNK_S * self.heard[i])


def measure_crowd(
    talker: Talker, streams: int, seconds: float, start_at: float
) -> dict[str, Sequence[float] | float]:
    """Run streams in real time from a moment on (`time.time`); return how late each frame was.

    A frame is late by the time from the arrival of the chunk that completes it to the frame.
    """
    crowd = Crowd(talker, streams)
    crowd.hear(WARM_UP_S)
    while crowd.advance():
        pass
    late_ms, busy_s = [], 0.0
    began = time.perf_counter() + start_at - time.time() - WARM_UP_S
    while (now := time.perf_counter() - began) < WARM_UP_S + seconds:
        crowd.hear(now)
        arrived = [crowd.arrived_s(i) for i in range(streams)]
        who = crowd.advance()
        done = time.perf_counter() - began
        if who:
            busy_s += done - max(now, WARM_UP_S)
            late_ms += [1000 * (done - arrived[i]) for i in who]
        else:
            coming = min(crowd.arrived_s(i) + CHUNK_S for i in range(streams))
            time.sleep(max(coming - done, 0.0))
    return {"late_ms": late_ms, "busy": busy_s / seconds}
