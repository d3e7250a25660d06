"""What a page asks for: the model, the head, sample clips; and what operators ask for."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from distill.errors import UserError
from distill.live import assets
from distill.live.shared import Live
from distill.storage import read_json


def router(live: Live) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get("/healthz")
    async def health() -> dict[str, str]:
        """Tell that the server runs."""
        return {"status": "ok"}

    @routes.get("/readyz")
    async def ready() -> JSONResponse:
        """Tell whether new streams are welcome: 503 before the start and after its end."""
        streams = {"open": live.open, "most": live.settings.streams}
        return JSONResponse({"ready": live.ready, "streams": streams}, 200 if live.ready else 503)

    @routes.get("/metrics")
    async def metrics() -> Response:
        """Return counters for Prometheus."""
        return Response(live.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/v1/model")
    async def model(model: str | None = None) -> dict[str, Any]:
        """Describe a model (else the first) so that it can run elsewhere; `models` can stream."""
        told = await live.worker.call(live.models.pick(model).describe)
        return told | {"models": [m.name for m in live.models.by_name.values() if m.streams]}

    @routes.get("/model/{name}", response_class=FileResponse)
    async def model_file(name: str, model: str | None = None) -> FileResponse:
        """Return a file of a model: a graph, or the filter of its noise."""
        path = live.models.pick(model).file(name)
        return _file(path, f"the model has no file {name!r}")

    @routes.get("/rig.glb", response_class=FileResponse)
    async def rig() -> FileResponse:
        """Return the head with a morph target per channel."""
        path = live.assets / f"{live.rig}.glb"
        if not path.is_file():
            try:
                await live.studio.work(assets.head, live.assets, live.rig, live.settings.rig_path)
            except UserError as error:
                raise HTTPException(404, str(error)) from error
        return FileResponse(path, media_type="model/gltf-binary")

    @routes.get("/v1/samples")
    async def samples() -> list[dict[str, str]]:
        """List sample clips; none where no synthesizer is installed."""
        listed = live.assets / assets.SAMPLES
        if not live.mute and not listed.is_file():
            try:
                await live.studio.work(assets.samples, live.assets)
            except UserError:
                live.mute = True
        return read_json(listed) if listed.is_file() else []

    @routes.get("/samples/{number}.wav", response_class=FileResponse)
    async def sample(number: int) -> FileResponse:
        """Return a sample clip."""
        path = live.assets / f"{number}.wav"
        return _file(path if path.is_file() else None, f"there is no sample {number}")

    return routes


def _file(path: Path | None, otherwise: str) -> FileResponse:
    if path is None:
        raise HTTPException(404, otherwise)
    return FileResponse(path)
