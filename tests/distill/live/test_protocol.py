"""Connections that keep the server waiting are closed, those that it keeps waiting are not."""

import socket as sockets
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
from httpx import get, post

from tests.distill.live.test_uploads import wav

HALF = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-"
REFUSED = b"POST /v1/animate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
LIMIT_S = 1.0
MOST = 2 * 1 + 64
"""Connections that a server of one stream bears."""


@pytest.fixture(scope="module")
def door(serve):
    with serve(streams=1, header_s=LIMIT_S) as address:
        yield address


def dialled(door):
    socket = sockets.create_connection(door.split(":"), timeout=LIMIT_S + 5)
    socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    return socket


def test_who_asks_for_nothing_keeps_nobody_out(door):
    with ExitStack() as held:
        silent = [held.enter_context(dialled(door)) for _ in range(MOST)]
        for socket in silent[::2]:
            socket.sendall(HALF)
        assert get(f"http://{door}/readyz").status_code == 503
        assert all(socket.recv(1) == b"" for socket in silent)
        assert get(f"http://{door}/readyz").status_code == 200


def test_every_request_has_the_time_of_the_first(door):
    with closing(HTTPConnection(door, timeout=LIMIT_S + 5)) as connection:
        for _ in range(4):
            connection.request("GET", "/readyz")
            assert connection.getresponse().read()
            time.sleep(0.4 * LIMIT_S)
        connection.sock.sendall(HALF)
        assert connection.sock.recv(1) == b""


def test_what_follows_a_refusal_is_not_waited_for(door):
    with dialled(door) as socket:
        socket.sendall(REFUSED)
        assert socket.recv(4096).startswith(b"HTTP/1.1 413")
        with pytest.raises(ConnectionError):
            for _ in range(int(20 * (LIMIT_S + 5))):
                socket.sendall(b"x")
                time.sleep(0.05)


def test_who_waits_for_an_answer_has_all_the_time(serve):
    with serve(header_s=0.2) as door:  # the process of uploads takes longer to start
        answer = post(f"http://{door}/v1/animate", files={"file": ("a.wav", wav())}, timeout=60)
    assert answer.status_code == 200 and answer.elapsed.total_seconds() > 0.4
