"""`python -m distill.live`: faces that move while people speak, over the network."""

import signal
import socket
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from distill.command import guarded
from distill.errors import UserError, UserNote
from distill.live.settings import Settings, read

if TYPE_CHECKING:
    import uvicorn

CONNECTIONS_PER_STREAM, FURTHER_CONNECTIONS = 2, 64
GRACE_S, WAITING = 10, 128


def listen(settings: Settings) -> socket.socket:
    """Return the socket to listen at.

    What is held back for a slow client is bounded here, and one that takes nothing for long is cut
    off by the system.

    Raises:
        UserError: The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    door = socket.socket(family)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.send_bytes)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        patience_ms = int(4000 * settings.slow_s)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience_ms)
    try:
        door.bind((settings.host, settings.port))
        door.listen(WAITING)  # who comes before the server serves is not refused
    except OSError as error:
        door.close()
        raise UserError(
            f"cannot listen at {settings.host}:{settings.port} ({error.strerror}); "
            "choose another --port or --host"
        ) from error
    return door


def address(settings: Settings, door: socket.socket) -> str:
    """Return where the page is."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{door.getsockname()[1]}/"


def build_server(settings: Settings) -> "uvicorn.Server":
    """Return the server, its models loaded.

    Raises:
        UserError: The extra `live` is not installed, or a model cannot be loaded.
    """
    try:
        import uvicorn

        from distill.live.app import build_app
        from distill.live.protocol import prompt
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed; run `python -m pip install facedistill[live]`"
        ) from error
    return uvicorn.Server(
        uvicorn.Config(
            build_app(settings),
            http=prompt(settings.header_s),
            log_level="warning",  # the lines below would show tokens of queries
            ws_max_size=4 * settings.message_bytes,  # above the limit that is said in words
            ws_per_message_deflate=False,
            limit_concurrency=CONNECTIONS_PER_STREAM * settings.streams + FURTHER_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


def serve(settings: Settings) -> None:
    """Serve until the process is told to end.

    Raises:
        UserError: The server cannot start.
    """
    if not settings.local and settings.token is None:
        warnings.warn(
            f"whoever reaches {settings.host} can use this server; --token keeps others out",
            category=UserNote,
            stacklevel=2,
        )
    with listen(settings) as door:
        server = build_server(settings)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an exit that cleans up
        sys.stdout.write(f"{address(settings, door)}\n")
        sys.stdout.flush()
        server.run(sockets=[door])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: serve(read(words)))


if __name__ == "__main__":
    sys.exit(main())
