import threading
from contextlib import contextmanager

import pytest

from distill.folder import SHIPPED
from distill.live.__main__ import build_server, listen
from distill.live.settings import Settings
from distill.talker import load
from tests.streaming import save_stream_model

SHIPPED_STREAM = SHIPPED / "stream"


@pytest.fixture(scope="session")
def streaming(tmp_path_factory):
    """A streaming model of random weights with a personalizer and two personas."""
    return save_stream_model(tmp_path_factory.mktemp("live") / "toy")


@pytest.fixture(scope="session")
def talker(streaming):
    return load(streaming)


@contextmanager
def running(settings):
    """A server at a free port of this machine, in a thread; yields `host:port`."""
    door = listen(settings)
    server = build_server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve(streaming):
    """Start a server of the streaming model with settings that differ from the usual ones."""
    return lambda **changes: running(Settings(**{"models": (str(streaming),), "port": 0} | changes))


@pytest.fixture(scope="session")
def door(serve):
    """One server with usual limits, for all tests that do not need others."""
    with serve() as address:
        yield address
