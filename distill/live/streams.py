"""`WS /v1/stream`: sound in, motion out, while somebody speaks."""

from fastapi import APIRouter, WebSocket

from distill.live.guard import later
from distill.live.session import Session
from distill.live.shared import Live

PROTOCOL = """
Faces that move while people speak.

`WS /v1/stream` (a WebSocket, so not in the list of paths):

1. The client sends one JSON text: `{"sample_rate": 48000, "format": "pcm16" | "float32",
   "mode": "binary" | "json", "model": name | null, "persona": name | null, "emotion": name | null,
   "strength": 1.0, "seed": 0}`; only `sample_rate` is required.
2. The server answers `{"type": "ready", "channels": [...], "fps", "latency_frames", "delay_ms"}`.
3. The client sends mono sound as binary messages of any length, little-endian.
4. The server sends frames as they become final: JSON `{"type": "frames", "times_s": [F],
   "values": [F][D]}`, or binary: uint32 F, uint32 D, F float64 times, F x D float32 values,
   little-endian.
5. The client ends with the text `{"type": "flush"}`; the last frames follow, `{"type": "end"}`,
   and close code 1000.

Whatever goes wrong is `{"type": "error", "message": one sentence}` and a close code: 1008 for what
cannot be used, 1009 for messages that are too big, 1011 for a fault of the server. Where all
streams are taken, the handshake is answered with 503 and `Retry-After`.
"""


def router(live: Live) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        limit = live.settings.streams
        if live.open >= limit:
            live.metrics.refused.labels("streams").inc()
            refusal = later(f"all {limit} streams are taken", live.settings)
            await socket.send_denial_response(refusal)
            return
        live.open += 1
        live.metrics.open.set(live.open)
        try:
            session = Session(socket, live.models, live.worker, live.settings, live.metrics)
            live.metrics.streams.labels(await session.run()).inc()
        finally:
            live.open -= 1
            live.metrics.open.set(live.open)

    return routes
