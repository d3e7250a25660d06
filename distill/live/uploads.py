"""`POST /v1/animate`: a recording in, an animation file out."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from distill.errors import UserError
from distill.live.guard import later
from distill.live.shared import Live
from distill.live.studio import Order, animate
from distill.live.wire import STRONGEST

TYPES = {
    "csv": "text/csv",
    "npz": "application/octet-stream",
    "glb": "model/gltf-binary",
    "mp4": "video/mp4",
    "gif": "image/gif",
}
PIECE_BYTES = 64 * 1024
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class Seated(APIRoute):
    """A route of uploads: who finds no seat is told to come back before anything is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what serves a request."""
        serve = super().get_route_handler()

        async def serve_seated(request: Request) -> Response:
            live: Live = request.app.state.live
            limit = live.settings.uploads
            if live.uploads >= limit:
                live.metrics.refused.labels("uploads").inc()
                return later(f"{limit} uploads wait already", live.settings)
            live.uploads += 1
            try:
                return await serve(request)
            finally:
                live.uploads -= 1

        return serve_seated


def router(live: Live) -> APIRouter:
    """Return the route."""
    routes = APIRouter(route_class=Seated, max_body_size=live.settings.upload_bytes)

    @routes.post("/v1/animate", response_class=StreamingResponse)
    async def animated(
        file: UploadFile,
        format: Annotated[Literal["csv", "npz", "glb", "mp4", "gif"], Form()] = "csv",
        model: Annotated[str | None, Form()] = None,
        persona: Annotated[str | None, Form()] = None,
        emotion: Annotated[str | None, Form()] = None,
        strength: Annotated[float, Form(ge=0.0, le=STRONGEST)] = 1.0,
        seed: Annotated[int, Form(ge=0, lt=2**63)] = 0,
        steps: Annotated[int | None, Form(ge=1)] = None,
        size: Annotated[int, Form(ge=16, le=1024)] = 512,
    ) -> StreamingResponse:
        """Turn a recording (wav, flac, ogg, mp3, m4a, webm, ...) into an animation file."""
        name = Path(file.filename or "upload").name
        with tempfile.TemporaryDirectory(prefix="facedistill-live-") as folder:
            suffix = SUFFIX.fullmatch(Path(name).suffix.lower())
            source = Path(folder) / f"upload{suffix.group() if suffix else ''}"
            served = live.models.pick(model)
            order = Order(
                source=source, target=source.with_name(f"motion.{format}"), folder=served.folder,
                backend=served.talker.backend, persona=served.known(persona), emotion=emotion,
                strength=strength, seed=seed, steps=steps, size=size, rig=live.rig,
                rig_path=live.settings.rig_path, longest_s=live.settings.upload_s,
            )  # fmt: skip
            await asyncio.to_thread(move, file.file, source)
            outcome = "failed"
            try:
                await live.studio.work(animate, order)
                outcome = "ended"
            except UserError as error:
                outcome = "refused"
                raise UserError(str(error).replace(str(source), name)) from error
            finally:
                live.metrics.uploads.labels(format, outcome).inc()
            made = order.target.open("rb")  # it can be read after its folder is gone
        kept = f'attachment; filename="motion.{format}"'
        return StreamingResponse(
            _pieces(made), media_type=TYPES[format], headers={"Content-Disposition": kept}
        )

    return routes


def move(upload: BinaryIO, path: Path) -> None:
    """Give an upload a path; the file without a name that it arrived in is gone then."""
    with upload, path.open("wb") as file:
        shutil.copyfileobj(upload, file)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
