from pathlib import Path

import numpy as np
import pytest
import torch

from distill.errors import UserError
from distill.face.ict_names import ICT_53, LANDMARKS_68, ict_sources, ict_to_arkit
from distill.face.linear import LinearRig
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace


@pytest.fixture(scope="module")
def rig(shared_data: Path) -> LinearRig:
    built = load_rig("ict", path=shared_data / "ict_facekit" / "ict_face_lite.npz")
    assert isinstance(built, LinearRig)
    return built


def weights(**values: float) -> torch.Tensor:
    out = torch.zeros(len(ARKIT_CHANNELS))
    for name, value in values.items():
        out[ARKIT_CHANNELS.index(name)] = value
    return out


def test_every_ict_expression_feeds_exactly_one_arkit_shape():
    used = [s for name in ARKIT_52 for s in ict_sources(name)]
    assert sorted(used) == sorted(ICT_53)
    assert [n for n in ARKIT_52 if not ict_sources(n)] == ["tongueOut"]


def test_ict_weights_keep_their_side_and_whole_shapes_average():
    given = np.zeros((1, 53), np.float32)
    given[0, ICT_53.index("mouthSmile_R")] = 0.5
    given[0, ICT_53.index("cheekPuff_L")] = 1.0
    arkit = dict(zip(ARKIT_52, ict_to_arkit(given)[0], strict=True))
    assert arkit.pop("mouthSmileRight") == 0.5
    assert arkit.pop("cheekPuff") == 0.5
    assert set(arkit.values()) == {0.0}


def test_names_and_landmarks_agree_with_the_published_arrays(shared_data: Path):
    with np.load(shared_data / "ict_facekit" / "ict_face_lite.npz") as data:
        assert tuple(data["expression_names"]) == ICT_53
        original = data["orig_vertex_idx"][data["landmarks68"]]
    assert tuple(original) == LANDMARKS_68


def test_channel_moves_vertices_as_the_sum_of_its_ict_shapes(rig: LinearRig, shared_data: Path):
    with np.load(shared_data / "ict_facekit" / "ict_face_lite.npz") as data:
        names, expression = list(data["expression_names"]), data["expression"] * 10.0
        neutral = data["neutral"] * 10.0
    sources = {
        "browInnerUp": ["browInnerUp_L", "browInnerUp_R"],
        "mouthLeft": ["mouthLeft"],
        "eyeBlinkRight": ["eyeBlink_R"],
    }
    for name, parts in sources.items():
        moved = rig.to_vertices(weights(**{name: 0.7})).numpy()
        expected = neutral + 0.7 * sum(expression[names.index(p)] for p in parts)
        np.testing.assert_allclose(moved, expected, atol=1e-3)


def test_mouth_close_never_pushes_the_lips_through_each_other(rig: LinearRig):
    space = MotionSpace.identity(rig, 30.0)
    rest = float(space.lip_gap_mm(weights()))
    for jaw in (0.0, 0.2, 1.0):
        for close in (0.0, 0.5, 1.0):
            gap = float(space.lip_gap_mm(weights(jawOpen=jaw, mouthClose=close)))
            assert gap > min(rest, 0.0) - 1e-3
    assert float(space.lip_gap_mm(weights(jawOpen=0.5, mouthClose=0.5))) < 1.0
    assert float(space.lip_gap_mm(weights(jawOpen=0.5))) > 10


def test_regions_lie_where_their_names_say(rig: LinearRig):
    lips, upper = rig.neutral[rig.lips], rig.neutral[rig.upper]
    assert lips[:, 1].max() < upper[:, 1].min() - 20
    assert len(rig.lips) > 40
    assert np.ptp(lips[:, 0].numpy()) == pytest.approx(52, abs=6)
    jaw = rig.basis[ARKIT_CHANNELS.index("jawOpen")].norm(dim=-1)
    assert jaw[rig.lips].max() > 25
    assert jaw[rig.upper].max() < 1.0


def test_no_path_says_how_to_get_the_model():
    with pytest.raises(UserError, match=r"ICT-FaceKit.*rig\.path="):
        load_rig("ict")


def test_partial_folder_names_what_is_missing(shared_data: Path):
    folder = shared_data / "ict_facekit" / "upstream"
    with pytest.raises(UserError, match=r"lacks 51 of 53.*browDown_L"):
        load_rig("ict", path=folder)


def test_folder_of_obj_files_equals_the_npz(shared_data: Path):
    folder = shared_data / "ict_facekit" / "upstream" / "FaceXModel"
    rig = load_rig("ict", path=folder, allow_missing=True)
    with np.load(shared_data / "ict_facekit" / "ict_face_lite.npz") as data:
        original = torch.tensor(data["orig_vertex_idx"]).long()
        neutral, names = data["neutral"] * 10.0, list(data["expression_names"])
        smile = data["expression"][names.index("mouthSmile_L")] * 10.0
    np.testing.assert_allclose(rig.neutral[original].numpy(), neutral, atol=1e-2)
    moved = rig.to_vertices(weights(mouthSmileLeft=1.0), original).numpy()
    np.testing.assert_allclose(moved - neutral, smile, atol=2e-2)
    absent = rig.to_vertices(weights(mouthFunnel=1.0)) - rig.neutral
    assert absent.abs().max() == 0


def test_foreign_files_are_refused(tmp_path: Path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for path in (tmp_path / "other.npz", tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="ICT-FaceKit"):
            load_rig("ict", path=path)
