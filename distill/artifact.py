"""Released models: a folder with `model.safetensors`, `config.json` and a card. No pickle.

The JSON names a family, never a Python path to call, so loading somebody's artifact can only
build a class that this installation already knows.
"""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from distill.errors import UserError
from distill.folder import CARD, CONFIG, FORMAT, WEIGHTS, check_digest, file_digest, read_config
from distill.storage import atomic_path, write_json

__all__ = ["CARD", "CONFIG", "FORMAT", "WEIGHTS", "file_digest", "load_artifact", "save_artifact"]

HOMES = ("teachers", "students", "personalizer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An opened artifact: its modules by role, loose tensors, and the rest of its config."""

    modules: dict[str, nn.Module]
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    folder: Path


def known_families() -> dict[str, str]:
    """Map family names to modules: in-tree packages by convention, plug-ins by entry point."""
    homes = (import_module(home) for home in HOMES)
    inside = (f"{h.__name__}.{m.name}" for h in homes for m in pkgutil.iter_modules(h.__path__))
    outside = {e.name: e.value for e in entry_points(group="distill.families")}
    return {name: name for name in inside} | outside


def build_family(family: str, kwargs: Mapping[str, Any]) -> nn.Module:
    """Build a network of a known family from plain keyword arguments.

    Raises:
        UserError: The family is unknown here or does not take these arguments.
    """
    families = known_families()
    build = getattr(import_module(families[family]), "build", None) if family in families else None
    if build is None:
        raise UserError(
            f"unknown model family {family!r}; known here: {', '.join(sorted(families))}"
        )
    try:
        return build(**kwargs)
    except TypeError as error:
        raise UserError(f"family {family!r} does not take these settings: {error}") from error


def save_artifact(
    folder: Path,
    *,
    modules: Mapping[str, tuple[str, Mapping[str, Any], nn.Module]],
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any],
    header: Mapping[str, str],
) -> None:
    """Write weights first and the config last, so that a config means a complete folder.

    Args:
        folder: Where to write.
        modules: Role -> (family, keyword arguments, network).
        tensors: Loose tensors (normalization, bank of personas).
        config: What else a user of the model has to know.
        header: Metadata strings of the safetensors header.
    """
    weights = {f"tensor.{name}": value.detach().cpu() for name, value in tensors.items()}
    for role, (_, _, module) in modules.items():
        weights |= {f"{role}.{k}": v.detach().cpu() for k, v in module.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file({k: v.contiguous() for k, v in weights.items()}, temporary, metadata=dict(header))
    families = {role: {"family": f, "kwargs": dict(kw)} for role, (f, kw, _) in modules.items()}
    digest = file_digest(folder / WEIGHTS)
    write_json(folder / CONFIG, {"format": FORMAT, "sha256": digest, "modules": families, **config})


def load_artifact(folder: Path) -> Artifact:
    """Build every module of an artifact and load its weights strictly.

    Raises:
        UserError: The folder, its config or its weights are missing, foreign or corrupt.
    """
    folder = Path(folder)
    config = read_config(folder)
    weights = _read_weights(folder / WEIGHTS)
    modules: dict[str, nn.Module] = {}
    for role, spec in config["modules"].items():
        module = build_family(spec["family"], spec["kwargs"])
        own = {k[len(role) + 1 :]: v for k, v in weights.items() if k.startswith(role + ".")}
        try:
            module.load_state_dict(own, strict=True)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise UserError(f"weights of {folder} do not fit its config: {first}") from error
        modules[role] = module.eval().requires_grad_(False)
    check_digest(folder / WEIGHTS, config["sha256"])
    tensors = {k[7:]: v for k, v in weights.items() if k.startswith("tensor.")}
    return Artifact(modules=modules, tensors=tensors, config=config, folder=folder)


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        with safe_open(str(path), framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(f"{path} is not a complete safetensors file: {error}") from error
    broken = [
        k for k, v in weights.items() if v.is_floating_point() and not torch.isfinite(v).all()
    ]
    if broken:
        raise UserError(f"{path} holds non-finite values in {broken[0]!r}; train or fetch it again")
    return weights
