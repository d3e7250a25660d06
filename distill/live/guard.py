"""Who may come in: token, origin and the time an upload may take, before anything is read."""

import asyncio
import hmac
import re
from urllib.parse import parse_qs, quote, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distill.live.metrics import Metrics
from distill.live.settings import LOOPBACK, Settings

GUARDED = ("/v1/", "/metrics", "/model/", "/rig.glb", "/samples/")
"""All but the page, the description of the paths and the signs of life: models and heads may be
somebody's property as well. What the page fetches comes with its cookie."""
COOKIE = "facedistill_token"
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
        "connect-src 'self' blob: data:; media-src 'self' blob:; img-src 'self' blob: data:; "
        "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""On every answer: threads for WebAssembly in the page, and nothing loaded from elsewhere."""


def stranger(origin: str | None, host: str, settings: Settings) -> str | None:
    """Return the origin that is not listed but would have to be, None for who may connect.

    Programs send no origin. Pages are the server's own, or listed. A server of this machine alone
    answers to this machine's names and listed ones only, whoever asks: else a foreign name could
    be pointed at it.

    Args:
        origin: Of the page that connects.
        host: What the server is called there, with its port.
        settings: Those of the server.
    """
    own = (f"http://{host}", f"https://{host}")
    name = re.sub(r":\d*$", "", host).strip("[]").lower()
    if settings.local and name not in LOOPBACK and not set(own) & set(settings.origins):
        return own[0]
    return None if origin is None or origin in own + settings.origins else origin


def authorized(scope: Scope, token: str | None) -> bool:
    """Tell whether a request carries the token: as bearer, `token` of the query, or cookie."""
    if token is None or asked(scope, token):
        return True
    connection = HTTPConnection(scope)
    kind, _, bearer = connection.headers.get("authorization", "").partition(" ")
    given = bearer if kind.lower() == "bearer" else unquote(connection.cookies.get(COOKIE, ""))
    return hmac.compare_digest(given.encode(), token.encode())


def asked(scope: Scope, token: str) -> bool:
    """Tell whether the token stands in the query."""
    words = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    return any(hmac.compare_digest(word.encode(), token.encode()) for word in words)


def later(reason: str, settings: Settings) -> JSONResponse:
    """Return the answer to a client that has to come back."""
    headers = {"Retry-After": str(settings.retry_s)}
    return JSONResponse({"detail": f"{reason}; try again in {settings.retry_s} s"}, 503, headers)


class Guard:
    """Middleware: refuses at the door, limits how long a body takes, adds `HEADERS`."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)

        async def send_more(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if Headers(scope=scope).get("origin") in self.settings.origins:
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                token = self.settings.token
                if token is not None and asked(scope, token):  # the page's own requests follow
                    value = f"{COOKIE}={quote(token)}; Path=/; HttpOnly; SameSite=Strict"
                    headers.append("Set-Cookie", value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            return await refusal(scope, receive, send_more)
        if scope["type"] == "http":
            receive = in_time(receive, self.settings.upload_wait_s)
        await self.app(scope, receive, send_more)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if not path.startswith(GUARDED):
            return None
        headers = Headers(scope=scope)
        origin = stranger(headers.get("origin"), headers.get("host", ""), self.settings)
        if origin is not None:
            return self._refused(
                403, "origin", f"pages of {origin} may not connect; start with --origin {origin}"
            )
        if not authorized(scope, self.settings.token):
            return self._refused(
                401,
                "token",
                "send the token as `Authorization: Bearer`, or open the page with ?token=",
            )
        length, limit = headers.get("content-length", ""), self.settings.upload_bytes
        if length.isdigit() and int(length) > limit:
            return self._refused(
                413, "size", f"the upload is larger than the limit of {limit} bytes"
            )
        return None

    def _refused(self, status: int, reason: str, sentence: str) -> JSONResponse:
        self.metrics.refused.labels(reason).inc()
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        return JSONResponse({"detail": sentence}, status, headers)


def in_time(receive: Receive, limit_s: float) -> Receive:
    """Return `receive` that gives up when a body takes longer than `limit_s` in all."""
    deadline, whole = asyncio.get_running_loop().time() + limit_s, False

    async def receive_soon() -> Message:
        nonlocal whole
        if whole:  # what follows is the client's leaving, whenever that is
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, f"the upload took longer than {limit_s:g} s") from error
        whole = not message.get("more_body", False)
        return message

    return receive_soon
