import re
import shutil
import tomllib

import numpy as np
import pytest

from distill.command import composed
from distill.doctor import main, own_words
from distill.errors import UserError
from distill.installation import EXTRAS, describe
from distill.pipeline.data import prepare_data
from distill.pipeline.runs import RunDirectory, relevant
from distill.training.progress import Progress
from tests.conftest import REPOSITORY


def test_without_a_corpus_it_describes_the_installation(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("FACEDISTILL_CACHE", str(tmp_path / "none"))
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "torch" in shown and "not there yet" in shown
    assert all(f"extra {name}" in shown for name, *_ in EXTRAS)


def test_every_extra_of_the_package_is_told():
    package = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    extras = package["project"]["optional-dependencies"].keys() - {"dev"}
    assert {name for name, *_ in EXTRAS} == extras


def test_a_missing_extra_says_what_it_would_bring(monkeypatch):
    monkeypatch.setattr("distill.installation.find_spec", lambda module: None)
    rows = dict(describe())
    for name, _, use in EXTRAS:
        assert f"facedistill[{name}]" in rows[f"extra {name}"] and use in rows[f"extra {name}"]


def test_root_is_short_for_data_root_and_other_words_pass():
    own, rest = own_words(["data=grid", "root=/x", "clips=7", "out=a.html", "rig.path=/y"])
    assert own["clips"] == 7 and own["out"].name == "a.html"
    assert rest == ["data=grid", "data.root=/x", "rig.path=/y"]
    for word in ("clips=0", "clips=x", "--force"):
        with pytest.raises(UserError):
            own_words([word])


def test_unknown_words_are_one_sentence(capsys):
    assert main(["data=facegod"]) == 2
    assert "did you mean facegood?" in capsys.readouterr().err
    assert main(["data=facegood"]) == 2
    assert "data.root has no default" in capsys.readouterr().err


@pytest.fixture(scope="module")
def faulty(shared_data, tmp_path_factory):
    """One recording of FACEGOOD with a value that is no number."""
    source, root = shared_data / "facegood/upstream/code/train", tmp_path_factory.mktemp("faulty")
    train = root / "code/train"
    (train / "wav").mkdir(parents=True)
    (train / "bs_value").mkdir()
    shutil.copyfile(source / "shirley_1119_bs_name316.npy", train / "shirley_1119_bs_name316.npy")
    shutil.copyfile(source / "wav/1114_3_15.wav", train / "wav/1114_3_15.wav")
    shutil.copyfile(source / "wav/1114_3_15.wav", train / "wav/1114_3_99.wav")
    weights = np.load(source / "bs_value/bs_value_1114_3_15.npy")
    weights[10, 74] = np.nan
    np.save(train / "bs_value/bs_value_1114_3_15.npy", weights)
    return root


def test_errors_give_status_1_a_page_that_loads_nothing_and_names_of_lone_files(
    faulty, tmp_path, capsys
):
    page = tmp_path / "page.html"
    assert main(["data=facegood", f"root={faulty}", f"out={page}", "clips=8"]) == 1
    shown = capsys.readouterr().out
    assert "not_finite" in shown and "1114_3_99.wav" in shown and "rig_stands_in" in shown
    html = page.read_text(encoding="utf-8")
    assert "not_finite" in html and html.count("<svg") == 4 and "data:image/png" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)


def test_a_clean_corpus_gives_status_0_and_finds_its_own_rig(shared_data, tmp_path):
    words = ["data=grid", f"root={shared_data / 'grid_s1'}", "clips=24"]
    assert main([*words, f"out={tmp_path / 'page.html'}"]) == 0


def test_training_refuses_errors_unless_forced(faulty, shared_data, tmp_path):
    head = shared_data / "ict_facekit/ict_face_lite.npz"
    words = ["data=facegood", f"data.root={faulty}", "rig=ict", f"rig.path={head}"]
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(UserError, match=r"not_finite.*data\.force=true"):
        prepare_data(composed(words), run, Progress(stages=["data"]))
    assert not run.stage("data").complete
    prepare_data(composed([*words, "data.force=true"]), run, Progress(stages=["data"]))
    assert run.stage("data").complete


def test_force_belongs_to_every_corpus_and_changes_no_hash():
    for name in ("synthetic", "facegood", "grid"):
        words = [f"data={name}", *([] if name == "synthetic" else ["data.root=/x"])]
        plain, forced = composed(words), composed([*words, "data.force=true"])
        assert forced["data"]["force"] and not plain["data"]["force"]
        assert relevant(plain) == relevant(forced)
        assert "force" not in relevant(plain)["data"]
