from pathlib import Path

import numpy as np
import pytest
import torch

from distill.errors import UserError
from distill.face.glb import Morphs, build_gltf, read_morphs, write_glb
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.face.retarget import Shapes
from distill.face.retarget.store import Kept, read_shapes, write_shapes
from distill.face.rigs import load_rig


def kept_of(made: Shapes, turn: np.ndarray) -> Kept:
    values = {**vars(made.kept()), "mm_per_unit": 10.0, "to_front": turn}
    return Kept(**values)


@pytest.mark.parametrize("suffix", ["npz", "glb"])
def test_files_give_back_what_was_written(
    suffix: str, made: Shapes, turn: np.ndarray, tmp_path: Path
):
    kept = kept_of(made, turn)
    write_shapes(tmp_path / f"head.{suffix}", kept)
    found = read_shapes(tmp_path / f"head.{suffix}")
    for name, value in vars(kept).items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-6, atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == [f"head.{suffix}"]


def test_a_file_opens_as_a_rig_in_mm_that_stands_upright(
    made: Shapes, turn: np.ndarray, tmp_path: Path
):
    write_shapes(tmp_path / "head.glb", kept_of(made, turn))
    rig = load_rig("mesh", path=tmp_path / "head.glb")
    motion = torch.zeros(len(rig.channels))
    motion[ARKIT_CHANNELS.index("jawOpen")] = 0.5
    wanted = made.mesh.points + 0.5 * made.shapes[ARKIT_52.index("jawOpen")]
    np.testing.assert_allclose(rig.to_vertices(motion), 10 * wanted @ turn.T, atol=1e-2)
    assert rig.channels == ARKIT_CHANNELS
    assert len(rig.lips) > 50 and len(rig.upper) > 100


def test_other_tools_find_morph_targets_by_name_and_a_head_in_metres(made: Shapes, tmp_path: Path):
    import pygltflib
    import trimesh

    write_shapes(tmp_path / "head.glb", made.kept())
    gltf = pygltflib.GLTF2().load_binary(str(tmp_path / "head.glb"))
    assert tuple(gltf.meshes[0].extras["targetNames"]) == ARKIT_52
    assert len(gltf.meshes[0].primitives[0].targets) == len(gltf.meshes[0].weights) == 52
    size = np.ptp(trimesh.load_scene(tmp_path / "head.glb").bounds, axis=0)
    np.testing.assert_allclose(size, np.ptp(made.mesh.points, axis=0) / 1000, rtol=1e-4)


def test_a_glb_of_any_morphs_comes_back(tmp_path: Path):
    rng = np.random.default_rng(0)
    morphs = Morphs(
        points=rng.normal(size=(7, 3)),
        triangles=np.array([[0, 1, 2], [4, 5, 6]]),
        shapes=rng.normal(size=(2, 7, 3)),
        names=("a", "b"),
        extras={"k": [1]},
    )
    write_glb(tmp_path / "x.glb", build_gltf(morphs))
    found = read_morphs(tmp_path / "x.glb")
    np.testing.assert_allclose(found.shapes, morphs.shapes, atol=1e-6)
    np.testing.assert_array_equal(found.triangles, morphs.triangles)
    assert found.names == ("a", "b") and found.extras == {"k": [1]}


def test_foreign_files_are_refused(tmp_path: Path):
    import trimesh

    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "broken.glb").write_bytes(b"glTF")
    trimesh.creation.icosphere().export(tmp_path / "plain.glb")
    for name in ("other.npz", "absent.npz", "broken.glb", "absent.glb", "plain.glb", "head.obj"):
        with pytest.raises(UserError, match=name):
            read_shapes(tmp_path / name)
