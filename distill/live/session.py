"""One client on `WS /v1/stream`: a header, sound in, frames out, one clear sentence at the end.

Everything happens in turn: hear a chunk, compute a block, send it. A client that does not read is
not computed for, and what it sends stays in its own socket, so memory is bounded by itself.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from fastapi import WebSocket, WebSocketDisconnect

from distill.errors import UserError
from distill.live import wire
from distill.live.metrics import Metrics
from distill.live.models import Models
from distill.live.settings import Settings
from distill.live.worker import Worker
from distill.stream import MotionStream

LOG = logging.getLogger("uvicorn.error")
FINE, POLICY, TOO_BIG, FAULT = 1000, 1008, 1009, 1011


class Stop(Exception):
    """The end of a stream that is not the client's wish: close code, sentence, kind."""

    def __init__(self, code: int, sentence: str, outcome: str) -> None:
        super().__init__(sentence)
        self.code, self.outcome = code, outcome


class Session:
    """A connection that was let in."""

    def __init__(
        self,
        socket: WebSocket,
        models: Models,
        worker: Worker,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self.socket, self.models, self.worker = socket, models, worker
        self.settings, self.metrics = settings, metrics
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> str:
        """Serve the client to its end; returns how it ended."""
        try:
            await self.socket.accept()
            await self._talk()
            return "ended"
        except Stop as stop:
            await self._close(stop.code, str(stop))
            return stop.outcome
        except UserError as error:
            await self._close(POLICY, str(error))
            return "refused"
        except (WebSocketDisconnect, ConnectionError):
            return "vanished"
        except TimeoutError:  # it reads nothing, so nothing can be said to it
            return "slow"
        except Exception:
            LOG.exception("a stream failed")
            await self._close(FAULT, "the server failed at this sound; open the stream again")
            return "failed"

    async def _talk(self) -> None:
        header = await self._header()
        model = self.models.pick(header.model)
        stream = await self.worker.call(partial(model.open, header))
        await self._send(wire.ready(stream, model.talker.channels))
        await self._listen(stream, header)
        await self._answer(stream, stream.finish, header.mode)
        await self._send('{"type": "end"}')
        await self.socket.close(FINE)

    async def _header(self) -> wire.Header:
        message = await self._receive(self._clock() + self.settings.header_s, "header")
        if isinstance(message, bytes):
            raise UserError("the first message of a stream is its header: JSON as text")
        return wire.read_header(message)

    async def _listen(self, stream: MotionStream, header: wire.Header) -> None:
        """Hear and answer until the client ends its sound."""
        rate_hz, left = header.sample_rate, self.settings.stream_s * header.sample_rate
        deadline = self._clock() + self.settings.idle_s
        while isinstance(message := await self._receive(deadline, "sound"), bytes):
            pcm = wire.samples(message, header.format)
            left -= len(pcm)
            if left < 0:
                limit = f"a stream takes at most {self.settings.stream_s:g} s of sound"
                raise Stop(POLICY, f"{limit}; open another one", "too long")
            self.metrics.sound_s.inc(len(pcm) / rate_hz)
            await self._answer(stream, partial(stream.hear, pcm, rate_hz), header.mode)
            if len(pcm):
                deadline = self._clock() + self.settings.idle_s
        if not wire.is_flush(message):
            raise UserError('after the header, text can only be {"type": "flush"}')

    async def _answer(self, stream: MotionStream, news: Callable[[], None], mode: str) -> None:
        """Send the frames that `news` completes, block by block."""
        frames = await self.worker.step(stream, news)
        while frames is not None:
            if len(frames.values):
                await self._send(wire.packed(frames, mode))
                self.metrics.frames.inc(len(frames.values))
            frames = await self.worker.step(stream)

    async def _receive(self, deadline: float, what: str) -> str | bytes:
        late, limit = f"no {what} came for too long", self.settings.message_bytes
        try:
            async with asyncio.timeout_at(deadline):
                message = await self.socket.receive()
        except TimeoutError as error:
            raise Stop(POLICY, f"{late}; open the stream again", "idle") from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        data = message["bytes"] if text is None else text
        if len(data) > limit:
            big = f"a message of {len(data)} bytes is over the limit of {limit}"
            raise Stop(TOO_BIG, f"{big}; send smaller ones", "too big")
        return data

    async def _send(self, message: str | bytes) -> None:
        async with asyncio.timeout(self.settings.slow_s):
            if isinstance(message, str):
                await self.socket.send_text(message)
            else:
                await self.socket.send_bytes(message)

    async def _close(self, code: int, sentence: str) -> None:
        with suppress(WebSocketDisconnect, ConnectionError, TimeoutError, RuntimeError):
            await self._send(json.dumps({"type": "error", "message": sentence}))
            await self.socket.close(code)
