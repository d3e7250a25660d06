"""The `vertices` rig: a file of components or raw vertices, and what is refused about it."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.face.vertices import FORMAT, VertexModel, read_model, write_model
from distill.protocols import Rig

V, K = 7, 3


def model(**changes) -> VertexModel:
    rng = np.random.default_rng(0)
    values = {
        "neutral": rng.normal(size=(V, 3)).astype(np.float32),
        "triangles": np.array([[0, 1, 2], [2, 3, 6]]),
        "lips": np.array([1, 2]),
        "upper": np.array([4]),
        "lip_pairs": np.array([[1, 2]]),
        "basis": rng.normal(size=(K, V, 3)).astype(np.float32),
        "explained": np.float32([0.5, 0.3, 0.1]),
    }
    return VertexModel(**values | changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "face.safetensors"


@pytest.mark.parametrize("raw", [False, True])
def test_a_file_gives_the_rig_that_was_written(path, raw):
    written = model(basis=None, explained=None) if raw else model()
    write_model(path, written)
    rig = load_rig("vertices", path=path)
    assert isinstance(rig, Rig) and rig.units == "mm"
    assert rig.channels == written.channels and len(rig.channels) == (V * 3 if raw else K)
    assert rig.channels[:2] == (("v00000x", "v00000y") if raw else ("pc000", "pc001"))
    for name in ("neutral", "triangles", "lips", "upper", "lip_pairs"):
        np.testing.assert_array_equal(getattr(rig, name), getattr(written, name))
    assert {k: len(v) for k, v in rig.groups.items()} == {
        "mouth": len(rig.channels), "upper": 0, "head": 0,
    }  # fmt: skip


def test_components_add_their_displacements_to_the_face_at_rest(path):
    write_model(path, model())
    rig = load_rig("vertices", path=path)
    motion = torch.tensor([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])
    expected = model().neutral + np.einsum("k,kvc->vc", motion[1].numpy(), model().basis)
    vertices = rig.to_vertices(motion)
    torch.testing.assert_close(vertices[0], rig.neutral)
    torch.testing.assert_close(vertices[1], torch.tensor(expected), atol=1e-6, rtol=1e-5)


def test_raw_channels_are_displacements_and_the_file_holds_no_matrix_of_them(path):
    write_model(path, model(basis=None, explained=None))
    rig = load_rig("vertices", path=path)
    motion = torch.arange(2.0 * V * 3).reshape(2, V * 3).requires_grad_()
    vertices = rig.to_vertices(motion)
    torch.testing.assert_close(vertices, rig.neutral + motion.reshape(2, V, 3))
    some = torch.tensor([5, 0])
    torch.testing.assert_close(rig.to_vertices(motion, some), vertices[:, some])
    assert torch.autograd.grad(vertices.sum(), motion)[0].eq(1).all()
    assert "basis" not in load_file(path)


def test_a_raw_rig_moves_to_a_device_as_it_is(path):
    write_model(path, model(basis=None, explained=None))
    space = MotionSpace.identity(load_rig("vertices", path=path), 30.0).to("cpu")
    torch.testing.assert_close(space.to_vertices(torch.zeros(V * 3)), space.rig.neutral)
    assert float(space.lip_gap_mm(torch.zeros(1, V * 3))) == pytest.approx(
        float(space.rig.neutral[1, 1] - space.rig.neutral[2, 1])
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lips": np.array([V])}, "lips names a vertex outside 0 to 6"),
        ({"triangles": np.array([[0, 1, -1]])}, "triangles names"),
        ({"lip_pairs": np.array([1, 2])}, "lip_pairs names"),
        ({"basis": np.zeros((K, V + 1, 3), np.float32)}, "do not fit a face"),
        ({"neutral": np.full((V, 3), np.nan, np.float32)}, "neutral holds values"),
        ({"lips": None}, "lacks lips"),
    ],
)
def test_what_does_not_fit_is_refused(path, change, sentence):
    arrays = vars(model()) | change
    save_file({k: v for k, v in arrays.items() if v is not None}, path, {"format": FORMAT})
    with pytest.raises(UserError, match=sentence):
        load_rig("vertices", path=path)


def test_other_files_are_refused(path, tmp_path):
    for wrong in (None, tmp_path / "absent"):
        with pytest.raises(UserError, match=r"distill\.data basis"):
            read_model(wrong)
    save_file({"neutral": np.zeros((3, 3), np.float32)}, path)
    with pytest.raises(UserError, match="its format is None"):
        read_model(path)
    write_model(path, model())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match="not a complete"):
        read_model(path)
