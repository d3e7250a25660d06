"""A model folder seen from outside: its name, its config, its files and their hashes."""

import hashlib
from pathlib import Path
from typing import Any

from distill.errors import UserError
from distill.storage import read_json

FORMAT = 2
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
BANK, NOISE = "bank.safetensors", "noise.safetensors"
"""What an export keeps of the weights beside its graphs: named personas, its noise's filter."""
SHIPPED = Path(__file__).parents[1] / "students" / "pretrained"
DEFAULT_MODEL = "small"
"""The model of `SHIPPED` that is used where none is named."""


def shipped_models() -> list[str]:
    """Return the names of the models that come with this installation."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def find_model(name: str | Path) -> Path:
    """Return the folder of a model: a shipped one by name, any other by path.

    Raises:
        UserError: There is neither.
    """
    folder = Path(name)
    if not folder.is_dir() and str(name) in shipped_models():
        return SHIPPED / str(name)
    if not folder.exists():
        shipped = ", ".join(shipped_models()) or "none"
        raise UserError(f"{name} is neither a model folder nor a shipped model ({shipped})")
    return folder


def runs_on(folder: Path) -> str:
    """Return the backend a model folder is for: `torch` where it has torch's weights."""
    return "torch" if (folder / WEIGHTS).is_file() else "onnx"


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config of a model folder.

    Raises:
        UserError: The folder is no model folder, or of another format.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise UserError(f"{folder} is not a model folder: it has no {CONFIG}")
    config = read_json(path)
    if isinstance(config, dict) and config.get("format") in range(1, FORMAT):
        raise UserError(
            f"{path} is of format {config['format']}, whose motion trembled; train the model again "
            f"with this version, which reads format {FORMAT}"
        )
    if not isinstance(config, dict) or config.get("format") != FORMAT or "modules" not in config:
        raise UserError(f"{path} is not a model config of format {FORMAT}")
    return config


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, digest: str) -> None:
    """Refuse a file that is not the one its config was written with.

    Raises:
        UserError: The file is missing, or its SHA-256 is another.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist; fetch or export the model folder again")
    if file_digest(path) != digest:
        raise UserError(
            f"{path} was changed or damaged (its SHA-256 is not the one in {CONFIG}); "
            "fetch or export the model folder again"
        )
