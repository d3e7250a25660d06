"""Pretrained speech backbones: where their weights come from, and what to do when they do not."""

from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from distill.errors import UserError
from distill.storage import read_json

BACKBONES = {
    "hubert": "facebook/hubert-base-ls960",
    "wav2vec2": "facebook/wav2vec2-base",
    "wavlm": "microsoft/wavlm-base",
}
"""Backbones by name, with the hub id used when no path is given."""

_CLASSES = {
    "hubert": ("HubertConfig", "HubertModel"),
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model"),
    "wavlm": ("WavLMConfig", "WavLMModel"),
}


def load_backbone(name: str, path: str | Path | None = None) -> nn.Module:
    """Load weights from a local folder or a hub id, safetensors only.

    Raises:
        UserError: transformers is not installed, or the weights cannot be had or do not fit.
    """
    source = str(path or BACKBONES[name])
    folder = Path(source)
    if folder.is_dir():
        _check_folder(name, folder)
    elif path is not None and (folder.is_absolute() or source.count("/") != 1):
        raise UserError(f"audio.path={source} is not a folder; {_help(name)}")
    model = getattr(_transformers(), _CLASSES[name][1])
    try:
        if not folder.is_dir() and not _is_downloaded(source):
            _reach_hub(source)
        loaded = model.from_pretrained(source, use_safetensors=True)
    except Exception as error:
        raise UserError(
            f"the weights of audio={name} cannot be loaded from {source}; {_help(name)}"
        ) from error
    if loaded.config.model_type != name:
        raise UserError(f"{source} holds a {loaded.config.model_type} model, not {name}; set audio")
    return loaded


def backbone_from_config(name: str, config: dict[str, Any]) -> nn.Module:
    """Build a backbone with random weights from its plain configuration, without the hub."""
    transformers = _transformers()
    config_class, model_class = (getattr(transformers, each) for each in _CLASSES[name])
    return model_class(config_class.from_dict(config))


def _transformers() -> ModuleType:
    try:
        import transformers
    except ImportError as error:
        raise UserError(
            "this audio encoder needs the package transformers; "
            'install it with: pip install "facedistill[hf]"'
        ) from error
    return transformers


def _is_downloaded(hub_id: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub_id, "model.safetensors"), str)


def _reach_hub(hub_id: str) -> None:
    """Ask the hub once, so that a machine without network fails now and not after retries."""
    from huggingface_hub import HfApi

    HfApi().model_info(hub_id, timeout=10)


def _help(name: str) -> str:
    return (
        f"download config.json and model.safetensors of {BACKBONES[name]} (or another {name} "
        "model) into a folder and pass audio.path=FOLDER, or use audio=mel"
    )


def _check_folder(name: str, folder: Path) -> None:
    for file in ("config.json", "model.safetensors"):
        if not (folder / file).is_file():
            raise UserError(f"{folder} has no {file}; {_help(name)}")
    config = read_json(folder / "config.json")
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != name:
        raise UserError(f"{folder} holds a {found} model, not {name}; set audio or audio.path")
