"""Models as a hub of models keeps them; a local folder stands for the hub."""

import numpy as np
import pytest

from distill.errors import UserError
from distill.hub import HubModel
from tests.distill.test_talker import save, speech


def test_a_model_goes_to_a_folder_and_comes_back(tmp_path):
    first = HubModel(save(tmp_path / "student"))
    (first.folder / "stage.json").write_text("{}")
    (first.folder / "notes.py").write_text("raise SystemExit")
    first.save_pretrained(tmp_path / "copy")
    again = HubModel.from_pretrained(str(tmp_path / "copy"))
    names = {path.name for path in again.folder.iterdir()}
    assert {"config.json", "model.safetensors"} <= names
    assert not names & {"stage.json", "notes.py"}
    audio = speech(1)
    both = [model.load().generate(audio, seed=3).values for model in (first, again)]
    assert np.array_equal(*both)


def test_a_model_is_not_saved_onto_itself(tmp_path):
    model = HubModel(save(tmp_path / "student"))
    with pytest.raises(UserError, match="own folder"):
        model.save_pretrained(model.folder)
    model.load()


def test_a_folder_without_a_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"format": 0}')
    with pytest.raises(UserError, match="not a model config"):
        HubModel.from_pretrained(str(tmp_path))
