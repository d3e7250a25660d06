"""Files for running many servers say what the program understands."""

from pathlib import Path

import pytest
import yaml

from distill.errors import UserError
from distill.live import deploy
from distill.live.deploy.ray_app import settings_of
from distill.live.settings import TOKEN_VARIABLE
from tests.conftest import REPOSITORY

FOLDER = Path(deploy.__file__).parent


def lines(path):
    return [x for x in path.read_text().splitlines() if x and not x.startswith("#")]


def test_every_package_of_the_container_is_pinned():
    pinned = {
        line.partition("==")[0].replace("_", "-") for line in lines(REPOSITORY / "constraints.txt")
    }
    assert set(lines(FOLDER / "requirements.txt")) <= pinned


def test_the_container_copies_what_is_there_and_is_not_root():
    words = [line.split() for line in lines(FOLDER / "Dockerfile")]
    copied = [w[1:-1] for w in words if w[0] == "COPY" and not w[1].startswith("--from")]
    made = {"build/live", "distill/live/page/"}  # by the commands in its head, and by npm
    for name in {name for names in copied for name in names} - made:
        assert (REPOSITORY / name).exists(), name
    assert ["USER", "10001"] in words


def test_the_ray_application_has_settings_that_exist(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "hidden")
    told = yaml.safe_load((FOLDER / "ray.yaml").read_text())["applications"][0]
    settings = settings_of(told["args"])
    assert settings.models == ("stream",) and settings.token == "hidden" and not settings.local
    module, _, name = told["import_path"].partition(":")
    assert module == settings_of.__module__ and name == "build"
    with pytest.raises(UserError, match="stream_count"):
        settings_of({"stream_count": 3})
