"""The server as a Ray Serve application, for many machines: `serve deploy .../deploy/ray.yaml`."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from distill.errors import UserError
from distill.live.settings import Settings, fill

if TYPE_CHECKING:
    import fastapi


def settings_of(arguments: Mapping[str, Any]) -> Settings:
    """Return settings from `args` of the YAML; Ray listens, so host and port are not used.

    Raises:
        UserError: A setting is unknown or outside its range.
    """
    try:
        return fill({"host": "0.0.0.0", **arguments})
    except TypeError as error:
        raise UserError(f"args of the Ray application: {error}") from error


def build(arguments: Mapping[str, Any]) -> Any:
    """Return the application; each replica loads the models and computes its own streams.

    Raises:
        UserError: A setting cannot be used, or Ray is not installed.
    """
    settings = settings_of(arguments)
    try:
        serve = import_module("ray.serve")
    except ModuleNotFoundError as error:
        raise UserError("Ray is not installed; run `python -m pip install ray[serve]`") from error

    def make() -> "fastapi.FastAPI":  # called in the replica: models are not sent over the network
        from distill.live.app import build_app

        return build_app(settings)

    return serve.deployment(serve.ingress(make)(), name="face").bind()
