import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from distill.artifact import CONFIG, WEIGHTS, build_family, load_artifact, save_artifact
from distill.errors import UserError
from tests.toys import COMMON, toy_student

KWARGS = (
    COMMON
    | {"audio": {"name": "mel", "width": 12, "blocks": 1}}
    | {
        "width": 16,
        "blocks": 2,
        "kernel": 5,
        "expansion": 2,
    }
)


@pytest.fixture
def folder(tmp_path):
    save_artifact(
        tmp_path,
        modules={"denoiser": ("students.compact", KWARGS, toy_student())},
        tensors={"mean": torch.arange(3.0)},
        config={"steps": 2},
        header={"family": "students.compact", "steps": "2"},
    )
    return tmp_path


def test_round_trip_keeps_every_weight_and_the_config(folder):
    opened, model = load_artifact(folder), toy_student()
    ours, theirs = model.state_dict(), opened.modules["denoiser"].state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert torch.equal(opened.tensors["mean"], torch.arange(3.0)) and opened.config["steps"] == 2


def test_header_says_what_the_file_is(folder):
    with safe_open(str(folder / WEIGHTS), framework="pt") as file:
        assert file.metadata() == {"family": "students.compact", "steps": "2"}


def test_loaded_networks_are_frozen_and_in_eval_mode(folder):
    model = load_artifact(folder).modules["denoiser"]
    assert not model.training and not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    "family", ["os", "subprocess", "teachers", "teachers.diffusion.network", "personalizer.losses"]
)
def test_a_config_cannot_name_arbitrary_code(folder, family):
    config = json.loads((folder / CONFIG).read_text())
    config["modules"]["denoiser"]["family"] = family
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(UserError, match="unknown model family"):
        load_artifact(folder)


def truncate(folder):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])


def foreign(folder):
    save_file({"x": torch.zeros(1)}, folder / WEIGHTS)


def not_finite(folder):
    weights = load_file(folder / WEIGHTS)
    weights["denoiser.out.bias"][0] = float("nan")
    save_file(weights, folder / WEIGHTS)


def tampered(folder):
    weights = load_file(folder / WEIGHTS)
    weights["denoiser.out.bias"][0] += 1e-3
    save_file(weights, folder / WEIGHTS)


def pickled(folder):
    torch.save({"x": torch.zeros(1)}, folder / WEIGHTS)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "not a complete safetensors file"),
        (foreign, "do not fit"),
        (not_finite, "non-finite values in 'denoiser.out.bias'"),
        (tampered, "changed or damaged"),
        (pickled, "not a complete safetensors file"),
        (lambda f: (f / WEIGHTS).unlink(), "does not exist"),
        (lambda f: (f / CONFIG).unlink(), "not a model folder"),
        (lambda f: (f / CONFIG).write_text("[]"), "not a model config"),
    ],
)
def test_damaged_and_foreign_folders_are_one_sentence(folder, damage, words):
    damage(folder)
    with pytest.raises(UserError, match=words) as caught:
        load_artifact(folder)
    assert "\n" not in str(caught.value)


def test_unknown_settings_are_a_sentence():
    with pytest.raises(UserError, match="does not take these settings"):
        build_family("students.compact", KWARGS | {"colour": 3})
