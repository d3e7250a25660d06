"""`python -m distill.data basis`: from a corpus of vertices to a rig that moves as it did."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from distill.command import composed
from distill.data.__main__ import main, parse
from distill.data.readers.vocaset import TEST, TRAIN, open_vocaset
from distill.face.rigs import load_rig
from distill.pipeline.build import build_corpus, build_rig
from tests.distill.data.readers.published import small_rig, write_vertices

NAMES = [f"{TRAIN[0]}_sentence{n:02d}" for n in range(1, 5)] + [f"{TEST[0]}_sentence21"]
SIZES = {TRAIN[0]: 1.0, TEST[0]: 1.1}


@pytest.fixture(scope="module")
def voca(tmp_path_factory):
    root = tmp_path_factory.mktemp("voca") / "data"
    write_vertices(root, NAMES, SIZES, fps=60, mm_per_unit=1000.0, seconds=1.0)
    (root / "lve.txt").write_text(", ".join(map(str, small_rig()[1])))
    np.save(root / "faces.npy", [[0, 1, 2]])
    return root


def basis(voca, out, *options: str) -> int:
    words = ["data=vocaset", f"data.root={voca}"]
    return main(["basis", "--out", str(out), "--lips", str(voca / "lve.txt"), *options, *words])


def test_components_of_training_speech_shape_the_recorded_faces(voca, tmp_path, capsys):
    out = tmp_path / "voca.safetensors"
    assert basis(voca, out, "--components", "8", "--mesh", str(voca / "faces.npy")) == 0
    assert "8 channels that keep 100.00% of the training motion" in capsys.readouterr().out
    config = composed(
        ["data=vocaset", f"data.root={voca}", "rig=vertices", f"rig.path={out}", "data.fps=30"]
    )
    corpus, rig = build_corpus(config), build_rig(config)
    assert corpus.channels == rig.channels == tuple(f"pc{n:03d}" for n in range(8))
    assert len(rig.triangles) == 1 and len(rig.lip_pairs) >= 3 and len(rig.upper) == 0
    plain = open_vocaset(voca)
    for clip in (corpus.clips[0], corpus.clips[-1]):
        shaped = rig.to_vertices(torch.tensor(corpus.read(clip).motion)) - rig.neutral
        wanted = plain.read(clip).motion
        assert np.abs(wanted).max() > 3.0
        tolerance = 0.05 if clip.split == "train" else 0.1
        assert np.abs(shaped.numpy().reshape(wanted.shape) - wanted).max() < tolerance


def test_only_training_motion_and_faces_make_the_rig(voca, tmp_path):
    assert basis(voca, tmp_path / "a.safetensors", "--components", "3") == 0
    rig = load_rig("vertices", path=tmp_path / "a.safetensors")
    np.testing.assert_allclose(rig.neutral, open_vocaset(voca).templates[TRAIN[0]], atol=1e-4)
    few = write_vertices(
        tmp_path / "few", NAMES[:4], SIZES, fps=60, mm_per_unit=1000.0, seconds=1.0
    )
    (few / "lve.txt").write_bytes((voca / "lve.txt").read_bytes())
    assert basis(few, tmp_path / "b.safetensors", "--components", "3") == 0
    one, other = (load_file(tmp_path / f"{name}.safetensors") for name in "ab")
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_no_components_move_the_vertices_themselves(voca, tmp_path):
    out = tmp_path / "raw.safetensors"
    assert basis(voca, out, "--components", "0") == 0
    rig = load_rig("vertices", path=out)
    corpus = open_vocaset(voca, basis=out)
    assert corpus.channels == rig.channels and len(rig.lip_pairs) >= 3
    motion = corpus.read(corpus.clips[0]).motion
    np.testing.assert_array_equal(motion, open_vocaset(voca).read(corpus.clips[0]).motion)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--components", "-1"], "--components -1 is below 0"),
        (["--components", "500"], "cannot give 500 components"),
        (["--lips", "absent.txt"], "absent.txt does not exist"),
        (["--wrong", "1"], "'--wrong' is no option"),
        (["data.roots=x"], "did you mean data.root"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(voca, tmp_path, capsys, words, sentence):
    out = tmp_path / "rig.safetensors"
    assert basis(voca, out, *words) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_words_of_a_config_may_stand_anywhere_behind_the_command():
    for line in (
        ["basis", "data=vocaset", "--out", "x", "data.root=y"],
        ["basis", "--out", "x", "data=vocaset", "data.root=y"],
    ):
        assert parse(line).words == ["data=vocaset", "data.root=y"]
