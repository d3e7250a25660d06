"""A client of the stream as a user would write it, on the `websockets` library."""

import json
from contextlib import contextmanager

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from distill.live.wire import unpacked

RATE_HZ = 16_000


def header(**changes):
    return json.dumps({"sample_rate": RATE_HZ, "format": "float32"} | changes)


def pcm16(audio):
    return np.round(audio * 32767).astype("<i2")


def dial(door, query="", **options):
    return connect(f"ws://{door}/v1/stream?{query}", compression=None, **options)


@contextmanager
def opened(door, **changes):
    """Connect, send a header, read `ready`; yields the socket and that."""
    with dial(door) as socket:
        socket.send(header(**changes))
        yield socket, json.loads(socket.recv(10))


def rest(socket):
    """Read frames until the end; returns values, times and the last message."""
    values, times, last = [], [], None
    while last is None:
        message = socket.recv(20)
        if isinstance(message, str) and json.loads(message)["type"] != "frames":
            last = json.loads(message)
        else:
            frames = unpacked(message)
            values.append(frames.values)
            times.append(frames.times_s)
    motion = np.concatenate(values) if values else np.empty((0, 0))
    return motion, np.concatenate([[], *times]), last


def spoken(door, audio, size=1600, **changes):
    """Send a recording in chunks while frames come back; returns values and times."""
    with opened(door, **changes) as (socket, _):
        for start in range(0, len(audio), size):
            socket.send(audio[start : start + size].tobytes())
        socket.send('{"type": "flush"}')
        values, times, last = rest(socket)
        assert last == {"type": "end"}
    return values, times


def refused(socket):
    """Return the sentence and the close code that a connection ends with."""
    _, _, last = rest(socket)
    assert last["type"] == "error"
    try:
        while True:
            socket.recv(20)
    except ConnectionClosed as error:
        assert error.rcvd
        return last["message"], error.rcvd.code
