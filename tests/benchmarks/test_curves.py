import numpy as np
import pytest
from PIL import Image

from benchmarks.curves import curves_of, main, plot_curves
from distill.talker import Motion
from tests.benchmarks.fakes import recording, space


def test_curves_are_what_the_rig_has_in_units_a_viewer_knows():
    motion = recording(0)[1]
    curves = curves_of(space(), motion)
    assert list(curves) == ["jaw", "lip gap, mm", "brows", "yaw, degrees"]
    np.testing.assert_allclose(curves["jaw"], motion[:, 0])
    np.testing.assert_allclose(curves["lip gap, mm"], 10 * motion[:, 0], rtol=1e-5)
    np.testing.assert_allclose(curves["yaw, degrees"], np.rad2deg(motion[:, 3]), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_any_labelled_motions_are_drawn_a_column_each(tmp_path, count):
    motions = {f"recording {k}": recording(k, frames=40 + k)[1] for k in range(count)}
    path = plot_curves(space(), motions, tmp_path / "c.png", title="said")
    with Image.open(path) as picture:
        assert picture.width > 300 * count and picture.height > 300


def test_a_still_face_is_drawn_too(tmp_path):
    plot_curves(space(), {"still": np.zeros((9, 4), np.float32)}, tmp_path / "c.png")


def test_recordings_without_real_motion_are_drawn_a_column_per_model(monkeypatch, tmp_path):
    drawn = {}
    monkeypatch.setattr("distill.talker.load", lambda name: Speaking(name))
    monkeypatch.setattr(
        "benchmarks.curves.plot_curves", lambda space, motions, path: drawn.update(motions) or path
    )
    words = ["x/a.wav", "x/b.wav", "--checkpoint", "runs/one", "--checkpoint", "runs/two"]
    assert main([*words, "--out", str(tmp_path / "c.png")]) == 0
    assert list(drawn) == ["a, one", "a, two", "b, one", "b, two"]


class Speaking:
    def __init__(self, name):
        self.name = name

    def space(self):
        return space()

    def generate(self, path, seed):
        values = recording(len(str(path)))[1]
        return Motion(values=values, channels=space().channels, fps=30.0, rig="tiny")
