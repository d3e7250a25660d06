"""Whatever a client does, it hears one sentence, and nobody else notices."""

import json
import socket as sockets
import struct
import time
from contextlib import ExitStack

import numpy as np
import pytest
from httpx import Client
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from tests.distill.live.clients import dial, header, opened, refused, rest, spoken
from tests.distill.test_talker import speech

AUDIO = speech(0.4)
UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ABORT = struct.pack("ii", 1, 0)
"""Close without a word (SO_LINGER)."""


@pytest.fixture(scope="module")
def tight(serve):
    """A server with small limits."""
    limits = {
        "streams": 3, "message_bytes": 4000, "stream_s": 2.0, "header_s": 0.3, "idle_s": 0.4,
        "slow_s": 0.5, "send_bytes": 4096,
    }  # fmt: skip
    with serve(**limits) as address:
        yield address


@pytest.fixture(autouse=True)
def _all_seats_come_back(tight):
    yield
    until(tight, "distill_streams_open 0.0")


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("", "header: "),
        ("[" * 5000, "message of 5000 bytes"),
        ("{}", "sample_rate"),
        ('{"sample_rate": "fast"}', "sample_rate"),
        (header(sample_rate=3), "greater than or equal to 4000"),
        (header(format="mp3"), "format"),
        (header(strength=1e9), "strength"),
        (header(volume=3), "volume"),
        (header(persona="anne"), "nearest is 'ann'"),
        (header(persona="/etc/hostname"), "unknown persona"),
        (header(emotion="hungry"), "unknown emotion"),
        (header(model="big"), "unknown model 'big'"),
        (b"\x00\x01", "JSON as text"),
    ],
)
def test_a_header_that_cannot_be_used_is_answered_in_words(tight, first, told):
    with dial(tight) as socket:
        socket.send(first)
        message, code = refused(socket)
    assert told in message and code == (1009 if len(first) > 4000 else 1008)


@pytest.mark.parametrize(
    ("chunk", "told"),
    [
        (b"\x00" * 4001, "over the limit of 4000"),
        (b"\x00" * 7, "whole number of float32 samples"),
        (np.full(9, np.nan, np.float32).tobytes(), "no sound"),
        (np.full(9, 1e30, np.float32).tobytes(), "no sound"),
        ("hello", "flush"),
        ("[" * 3000, "flush"),
        ('{"type": "flesh"}', "flush"),
    ],
)
def test_sound_that_cannot_be_used_is_answered_in_words(tight, chunk, told):
    with opened(tight) as (socket, _):
        socket.send(chunk)
        message, code = refused(socket)
    assert told in message and code == (1009 if len(chunk) == 4001 else 1008)


def test_a_stream_has_a_longest_length(tight):
    with opened(tight) as (socket, _):
        for chunk in np.split(np.zeros(32_800, np.float32), 82):
            socket.send(chunk.tobytes())
        message, code = refused(socket)
    assert "at most 2 s" in message and code == 1008


def test_who_says_nothing_is_not_waited_for(tight):
    with dial(tight) as socket:
        assert refused(socket)[0].startswith("no header came")
    with opened(tight) as (socket, _):
        for _ in range(4):  # nothing is not sound, however often it is sent
            socket.send(b"")
        assert refused(socket) == ("no sound came for too long; open the stream again", 1008)


def test_when_all_streams_are_taken_the_next_is_told_to_come_back(tight):
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(opened(tight))
        with pytest.raises(InvalidStatus) as error, dial(tight):
            raise AssertionError("a fourth stream is open")
    answer = error.value.response
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
    assert json.loads(answer.body)["detail"].startswith("all 3 streams are taken")


def test_garbage_and_vanished_clients_disturb_nobody(door):
    want, _ = spoken(door, AUDIO, 900)
    fuzz = np.random.default_rng(0)
    with opened(door) as (socket, _):
        for _ in range(5):
            with sockets.create_connection(door.split(":")) as raw:
                raw.send(fuzz.bytes(300))
            with opened(door) as (vanished, _):
                vanished.send(AUDIO[:800].tobytes())
                vanished.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, ABORT)
                vanished.socket.close()
            with dial(door) as other:
                other.send(fuzz.bytes(50))
        for start in range(0, len(AUDIO), 900):
            socket.send(AUDIO[start : start + 900].tobytes())
        socket.send('{"type": "flush"}')
        values, _, last = rest(socket)
    assert last == {"type": "end"}
    np.testing.assert_allclose(values, want, atol=1e-6)


def test_who_does_not_read_is_dropped_and_the_others_go_on(serve):
    with serve(slow_s=0.3, send_bytes=4096) as door, sockets.socket() as deaf:
        deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", int(door.rpartition(":")[2])))
        deaf.sendall(UPGRADE)
        assert deaf.recv(4096).startswith(b"HTTP/1.1 101")
        deaf.sendall(Frame(Opcode.TEXT, header(mode="json").encode()).serialize(mask=True))
        sound = Frame(Opcode.BINARY, np.zeros(32_000, np.float32).tobytes()).serialize(mask=True)
        for _ in range(10):
            deaf.sendall(sound)
        values, _ = spoken(door, AUDIO)
        assert len(values) == 12
        until(door, "distill_streams_open 0.0")  # though it is still connected


def until(door, line):
    """Wait until a counter of the server has a value."""
    with Client(base_url=f"http://{door}") as client:
        for _ in range(150):
            if line in client.get("/metrics").text.splitlines():
                return
            time.sleep(0.05)
        told = [x for x in client.get("/metrics").text.splitlines() if x.startswith("distill")]
    raise AssertionError(f"the server never told {line}, but {told}")
