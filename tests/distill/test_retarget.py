import json
from pathlib import Path

import numpy as np
import pytest

from distill import load
from distill.errors import UserError
from distill.face.files import read_livelink_csv
from distill.face.names import ARKIT_CHANNELS
from distill.face.retarget import NAMES, source_of
from distill.face.retarget.store import read_shapes
from distill.face.rigs import load_rig
from distill.retarget import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's head in cm with landmarks."""
    import trimesh

    source, place = source_of(load_rig("arkit")), tmp_path_factory.mktemp("user")
    mesh = trimesh.Trimesh(source.points / 10, source.triangles, process=False)
    mesh.export(place / "head.obj")
    marks = {name: int(source.landmarks[number]) for name, number in NAMES.items()}
    (place / "marks.json").write_text(json.dumps(marks))
    return place


def test_a_mesh_becomes_a_rig_and_its_vertices_become_curves(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    head, marks = str(folder / "head.obj"), str(folder / "marks.json")
    out = ["--out", str(folder / "head.glb"), "--sheet", str(folder / "sheet.png")]
    assert main(["shapes", head, "--landmarks", marks, *out]) == 0
    assert "1 unit is 10 mm" in capsys.readouterr().out
    assert (folder / "sheet.png").read_bytes()[1:4] == b"PNG"
    kept = read_shapes(folder / "head.glb")
    weights = np.linspace(0.1, 0.9, 12)
    moved = kept.points + weights[:, None, None] * kept.shapes[ARKIT_CHANNELS.index("jawOpen")]
    np.save(folder / "vertices.npy", moved)
    rig = ["--rig-path", str(folder / "head.glb"), "--fps", "60", "--smoothness", "0"]
    line = ["curves", str(folder / "vertices.npy"), *rig, "--out", str(folder / "clip.csv")]
    assert main(line) == 0
    assert "residual 0.000 mm" in capsys.readouterr().out
    motion, fps = read_livelink_csv(folder / "clip.csv")
    assert fps == 60.0
    np.testing.assert_allclose(motion[:, ARKIT_CHANNELS.index("jawOpen")], weights, atol=1e-3)
    own, talker = str(folder / "head.glb"), load("small")
    face = talker.space("mesh", path=own).rig
    assert face.name == "mesh" and len(face.neutral) == len(kept.points)
    with pytest.raises(UserError, match="'landmarks' does not fit: the model drives the 55"):
        talker.space("landmarks")


def test_mistakes_are_one_sentence_and_write_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    head, vertices = str(folder / "head.obj"), str(tmp_path / "v.npy")
    np.save(vertices, np.zeros((2, 5)))
    fit = ["curves", vertices, "--rig", "arkit", "--out", "x.npz"]
    cases = {
        "use one of .glb, .npz": ["shapes", head, "--out", str(tmp_path / "x.fbx")],
        "--rig-path": ["shapes", head, "--out", str(tmp_path / "x.glb"), "--rig", "ict"],
        "(frames, vertices, 3)": [*fit, "--fps", "30"],
        "must be above 0": [*fit, "--fps", "0"],
    }
    for message, line in cases.items():
        assert main(line) == 2
        assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["v.npy"]
