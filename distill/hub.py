"""Models on a hub of models: fetch with `from_pretrained`, publish with `push_to_hub`.

Files come and go as they are; nothing in them is executed.
"""

import shutil
from pathlib import Path

from distill.errors import UserError
from distill.folder import find_model, read_config
from distill.talker import Talker, load

try:
    from huggingface_hub import ModelHubMixin, snapshot_download
except ModuleNotFoundError as missing:
    raise UserError(
        "huggingface_hub is not installed; run `python -m pip install facedistill[hf]`"
    ) from missing

FILES = ("*.safetensors", "*.onnx", "*.json", "README.md", "SHA256SUMS")
"""What a model folder consists of; nothing else is fetched or published."""
PRIVATE = "stage.json"
"""A run's own bookkeeping."""


class HubModel(
    ModelHubMixin,
    library_name="facedistill",
    license="mit",
    tags=["talking-face", "facial-animation", "blendshapes", "arkit"],
):
    """A model folder with the hub's methods: `from_pretrained`, `save_pretrained`, `push_to_hub`.

    Attributes:
        folder: Where the model lies.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = find_model(folder)
        read_config(self.folder)

    def load(self, backend: str = "torch") -> Talker:
        """Open the model for use."""
        return load(self.folder, backend)

    def _save_pretrained(self, save_directory: Path) -> None:
        for pattern in FILES:
            for path in sorted(self.folder.glob(pattern)):
                if path.name != PRIVATE:
                    shutil.copyfile(path, save_directory / path.name)

    def save_pretrained(self, save_directory: str | Path, **options: object) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Copy the model folder to `save_directory`; `options` as the mixin's.

        Raises:
            UserError: That is the folder itself.
        """
        if Path(save_directory).resolve() == self.folder.resolve():
            raise UserError(f"{save_directory} is the model's own folder; name another one")
        return super().save_pretrained(save_directory, **options)  # pyright: ignore[reportArgumentType]

    @classmethod
    def _from_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
    ) -> "HubModel":
        if Path(model_id).is_dir():
            return cls(model_id)
        fetched = snapshot_download(
            model_id,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
            allow_patterns=list(FILES),
        )
        return cls(fetched)
