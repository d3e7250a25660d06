"""Vertex lists, masks and meshes as corpora of vertices come with them."""

import pickle

import numpy as np
import pytest

from distill.data.regions import facing_pairs, read_region, read_triangles
from distill.errors import UserError
from distill.face.names import ARKIT_CHANNELS
from distill.face.rigs import load_rig
from tests.distill.data.readers.published import shapes, small_rig, talking


def test_lists_of_numbers_open_as_text_array_or_pickle(tmp_path):
    (tmp_path / "lve.txt").write_text("3, 1, 2")
    (tmp_path / "lines.txt").write_text("[3\n1\n2]\n")
    np.save(tmp_path / "a.npy", np.array([[3], [1], [2]]))
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([3, 1, 2]))
    for name in ("lve.txt", "lines.txt", "a.npy", "p.pkl"):
        np.testing.assert_array_equal(read_region(str(tmp_path / name), 4, "lips"), [1, 2, 3])


def test_masks_give_the_usual_region_or_those_that_are_named(tmp_path):
    masks = tmp_path / "FLAME_masks.pkl"
    table = {"lips": np.array([5, 6]), "forehead": np.array([1]), "eye_region": np.array([1, 2])}
    masks.write_bytes(pickle.dumps(table, 2))
    np.testing.assert_array_equal(read_region(str(masks), 9, "lips"), [5, 6])
    np.testing.assert_array_equal(read_region(f"{masks}:forehead+eye_region", 9, "lips"), [1, 2])
    with pytest.raises(UserError, match="no region 'nose'; it has lips, forehead"):
        read_region(f"{masks}:nose", 9, "lips")
    with pytest.raises(UserError, match="not all of them in 0 to 5"):
        read_region(str(masks), 6, "lips")


@pytest.mark.parametrize("text", ["a b", "", "-1", "1.5"])
def test_what_is_no_list_of_vertices_is_refused(tmp_path, text):
    (tmp_path / "lve.txt").write_text(text)
    with pytest.raises(UserError, match=r"lve\.txt"):
        read_region(str(tmp_path / "lve.txt"), 4, "lips")
    with pytest.raises(UserError, match="does not exist"):
        read_region(str(tmp_path / "absent"), 4, "lips")


def test_triangles_of_another_mesh_are_refused(tmp_path):
    np.save(tmp_path / "t.npy", [[0, 1, 2], [1, 2, 3]])
    assert read_triangles(tmp_path / "t.npy", 4).shape == (2, 3)
    with pytest.raises(UserError, match="no mesh of the 3 vertices"):
        read_triangles(tmp_path / "t.npy", 3)
    np.save(tmp_path / "t.npy", [0, 1, 2])
    with pytest.raises(UserError, match="no mesh of"):
        read_triangles(tmp_path / "t.npy", 4)


@pytest.mark.parametrize("form", ["ply", "obj"])
def test_a_mesh_file_gives_its_triangles_in_the_order_of_its_vertices(tmp_path, form):
    if form == "ply":
        text = (
            "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
            "property float z\nelement face 2\nproperty list uchar int vertex_indices\nend_header\n"
            "0 0 0\n1 0 0\n0 0 0\n0 1 1\n3 0 1 3\n3 2 3 1\n"
        )
    else:
        text = "v 0 0 0\nv 1 0 0\nv 0 0 0\nv 0 1 1\nf 1 2 4\nf 3 4 2\n"
    path = tmp_path / f"BIWI.{form}"
    path.write_text(text)
    np.testing.assert_array_equal(read_triangles(path, 4), [[0, 1, 3], [2, 3, 1]])
    path.write_text("nothing")
    with pytest.raises(UserError):
        read_triangles(path, 4)


def test_facing_lips_are_found_from_the_first_movement_of_speech():
    _, lips, known = small_rig()
    rest = shapes(np.zeros((1, len(ARKIT_CHANNELS)), np.float32))[0]
    motion = talking(60)
    moved = shapes(motion)
    opened = np.zeros((1, len(ARKIT_CHANNELS)), np.float32)
    opened[0, ARKIT_CHANNELS.index("jawOpen")] = 1.0
    found = facing_pairs(rest, lips, shapes(opened)[0] - rest)
    assert len(found) >= 3 and np.isin(found, lips).all()

    def gap_mm(pairs):
        return (moved[:, pairs[:, 0], 1] - moved[:, pairs[:, 1], 1]).mean(1)

    assert np.corrcoef(gap_mm(found), gap_mm(known))[0, 1] > 0.98
    assert np.abs(gap_mm(found) - gap_mm(known)).mean() < 2.0


def test_no_lips_have_no_pairs():
    rest = load_rig("arkit").neutral.numpy()
    nothing = np.zeros(0, np.int64)
    assert facing_pairs(rest, nothing, rest).shape == (0, 2)
