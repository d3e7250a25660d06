"""The application: routes, and what they share."""

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

import distill
from distill.errors import UserError, UserNote
from distill.live import files, streams, uploads
from distill.live.guard import Guard
from distill.live.models import Models
from distill.live.settings import Settings
from distill.live.shared import Live
from distill.live.wire import sentence

PAGE = Path(__file__).with_name("page") / "dist"
UNBUILT = (
    "the page is not built; run `npm --prefix distill/live/page install` and "
    "`npm --prefix distill/live/page run build`, then start again"
)


def build_app(settings: Settings) -> FastAPI:
    """Return the application, its models loaded.

    Raises:
        UserError: A model cannot be loaded.
    """
    live = Live(settings=settings, models=Models(settings.models, settings.backend))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        live.ready = True
        yield
        live.ready = False
        live.close()

    app = FastAPI(
        title="facedistill live", version=distill.__version__, description=streams.PROTOCOL,
        lifespan=lifespan, docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.live = live
    app.add_middleware(Guard, settings=settings, metrics=live.metrics)
    app.add_middleware(
        CORSMiddleware, allow_origins=settings.origins, allow_methods=("GET", "POST"),
        allow_headers=("Authorization",), expose_headers=("Content-Disposition", "Retry-After"),
    )  # fmt: skip
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(413, _too_large)
    app.include_router(streams.router(live))
    app.include_router(uploads.router(live))
    app.include_router(files.router(live))
    if PAGE.is_dir():
        app.mount("/", StaticFiles(directory=PAGE, html=True))
    else:
        warnings.warn(UNBUILT, category=UserNote, stacklevel=2)
        app.add_api_route("/", _unbuilt, include_in_schema=False)
    return app


async def _unbuilt() -> HTMLResponse:
    return HTMLResponse(f'<!doctype html><html lang="en"><title>facedistill</title><p>{UNBUILT}')


async def _user_error(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 400)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": sentence(error.errors()[0])}, 422)


async def _too_large(request: Request, error: Exception) -> JSONResponse:
    limit = request.app.state.live.settings.upload_bytes
    return JSONResponse({"detail": f"the upload is larger than the limit of {limit} bytes"}, 413)
