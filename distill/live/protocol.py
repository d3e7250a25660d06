"""How the server speaks HTTP: as uvicorn does, but to nobody who keeps it waiting."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def prompt(limit_s: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with a limit: a request's head comes within `limit_s`, or never.

    It counts from the connection, then from each answer. Uvicorn itself waits for ever for the
    rest of a head, and for the rest of a body that was refused before it came.
    """

    class Prompt(H11Protocol):
        _limit: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait()

        def _wait(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
            self._limit = self.loop.call_later(limit_s, self._give_up)

        def _give_up(self) -> None:
            if self not in self.connections:  # gone, or a WebSocket by now
                return
            if self.cycle is None or self.cycle.response_complete:
                self.transport.close()

    return Prompt
