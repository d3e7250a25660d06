"""What is installed here, and what each missing extra would bring."""

import os
import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("torch", "pytorch-lightning", "numpy", "hydra-core", "onnxruntime")
EXTRAS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("synth", ("espeakng_loader",), "data=synthetic, speech made on this machine"),
    ("hf", ("huggingface_hub", "transformers"), "audio=wavlm and others, models of the Hub"),
    ("onnx", ("onnx", "onnxscript", "onnxruntime"), "export to ONNX and running it"),
    (
        "live",
        ("fastapi", "uvicorn", "websockets", "multipart", "prometheus_client"),
        "serving a face over the network",
    ),
    ("flame", ("lmdb",), "tracks of FLAME kept in lmdb files"),
    ("mesh", ("trimesh", "pygltflib"), "heads of your own: OBJ, PLY and GLB files"),
    ("scale", ("obstore",), "packed corpora in buckets"),
    ("usd", ("pxr",), "animate --out face.usdc"),
    ("microphone", ("sounddevice",), "python -m distill.microphone"),
    ("sweep", ("hydra_plugins.hydra_submitit_launcher",), "sweeps on a cluster"),
    ("tensorboard", ("tensorboard",), "logger=tensorboard"),
    ("wandb", ("wandb_workspaces",), "workspaces for logger=wandb"),
)
"""Extras of the package: their modules, and what they bring."""
MB = 1e6


def describe() -> list[tuple[str, str]]:
    """Return (name, value) of everything worth knowing; what cannot be told says why."""
    rows: list[tuple[str, Callable[[], str]]] = [
        ("python", lambda: f"{platform.python_version()} on {platform.platform(terse=True)}"),
        *((name, partial(_version, name)) for name in PACKAGES),
        ("device", _device),
        ("threads", _threads),
        *((f"extra {name}", partial(_extra, name, parts, use)) for name, parts, use in EXTRAS),
        ("cache", _cache),
    ]
    return [(name, _told(value)) for name, value in rows]


def cache_folder() -> Path:
    """Return where corpora and features are kept, as the configs say."""
    home = os.environ.get("HOME", str(Path.home()))
    return Path(os.environ.get("FACEDISTILL_CACHE") or f"{home}/.cache/facedistill")


def _told(value: Callable[[], str]) -> str:
    try:
        return value()
    except Exception as error:
        return f"cannot be told ({type(error).__name__}: {error})"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _device() -> str:
    import torch

    if not torch.cuda.is_available():
        return "CPU (torch sees no CUDA device)"
    memory_gb = torch.cuda.get_device_properties(0).total_memory / 1e9
    more = torch.cuda.device_count() - 1
    name = f"{torch.cuda.get_device_name(0)}, {memory_gb:.0f} GB"
    return name + (f", and {more} more" if more else "")


def _threads() -> str:
    import torch

    return f"{torch.get_num_threads()} for torch, {os.cpu_count()} cores"


def _extra(name: str, modules: tuple[str, ...], use: str) -> str:
    missing = [module for module in modules if not _found(module)]
    if not missing:
        return f"present: {use}"
    return f"missing ({', '.join(missing)}): pip install 'facedistill[{name}]' for {use}"


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _cache() -> str:
    folder = cache_folder()
    if not folder.is_dir():
        return f"{folder}, not there yet"
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    writable = "writable" if os.access(folder, os.W_OK) else "NOT writable; set FACEDISTILL_CACHE"
    return f"{folder}, {total / MB:,.0f} MB, {writable}"
