import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.errors import UserError
from distill.face.flame import FlameRig, flame_channels
from distill.face.render import render_image
from distill.face.rigs import load_rig
from distill.face.rotations import axis_angle_to_matrix, head_rotation
from distill.face.space import MotionSpace
from distill.pipeline.build import build_enhancer
from distill.protocols import Rig
from tests.distill.face.flame_example import ROWS, SLIT_Y, Stored, arrays, write_model, write_pickle
from tests.toys import toy_student

SHAPE = [0.7, -1.2, 0.4]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("flame") / "generic_model.pkl")


@pytest.fixture(scope="module")
def rig(file: Path) -> FlameRig:
    built = load_rig("flame", path=file, shape=SHAPE)
    assert isinstance(built, FlameRig)
    return built


def rodrigues(vector: np.ndarray) -> np.ndarray:
    angle = float(np.sqrt(sum(v * v for v in vector)))
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def published(values: dict, shape, expression, pose: np.ndarray) -> np.ndarray:
    """FLAME's formula with loops and 4x4 matrices, in metres; `pose` (5 3) axis-angle."""
    count = len(values["v_template"])
    shaped = values["v_template"].astype(np.float64).copy()
    for v in range(count):
        for i, amount in enumerate(shape):
            shaped[v] += amount * values["shapedirs"][v, :, i]
        for i, amount in enumerate(expression):
            shaped[v] += amount * values["shapedirs"][v, :, 300 + i]
    joints = np.array([sum(values["J_regressor"][j, v] * shaped[v] for v in range(count))
                       for j in range(5)])  # fmt: skip
    turns = [rodrigues(pose[j]) for j in range(5)]
    feature = np.concatenate([(turns[j] - np.eye(3)).ravel() for j in range(1, 5)])
    parents, world = values["kintree_table"][0], []
    for j in range(5):
        local = np.eye(4)
        local[:3, :3] = turns[j]
        local[:3, 3] = joints[j] if j == 0 else joints[j] - joints[parents[j]]
        world.append(local if j == 0 else world[parents[j]] @ local)
    out = np.zeros((count, 3))
    for v in range(count):
        posed = shaped[v] + values["posedirs"][v] @ feature
        for j in range(5):
            unrest = np.eye(4)
            unrest[:3, 3] = -joints[j]
            moved = world[j] @ unrest @ np.append(posed, 1.0)
            out[v] += values["weights"][v, j] * moved[:3]
    return out


def test_vertices_are_those_of_the_published_formula(rig: FlameRig):
    rng = np.random.default_rng(3)
    expression, pose = rng.normal(size=50), rng.normal(scale=0.6, size=(5, 3))
    turns = axis_angle_to_matrix(torch.tensor(pose).float())
    found = rig.posed(torch.tensor(expression).float(), turns)
    expected = published(arrays(), SHAPE, expression, pose) * 1000
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_motion_is_expressions_jaw_and_a_head_that_does_not_move_vertices(rig: FlameRig):
    rng = np.random.default_rng(4)
    expression, jaw = rng.normal(size=50), np.array([0.3, 0.02, -0.05])
    motion = torch.tensor(np.concatenate([expression, jaw, [0.5, -0.3, 0.2]])).float()
    pose = np.zeros((5, 3))
    pose[2] = jaw
    expected = published(arrays(), SHAPE, expression, pose) * 1000
    np.testing.assert_allclose(rig.to_vertices(motion), expected, atol=2e-3)
    np.testing.assert_allclose(rig.to_vertices(torch.zeros(56)), rig.neutral, atol=1e-4)


def test_it_is_a_rig_whose_groups_are_all_of_its_channels(file: Path, rig: FlameRig):
    assert isinstance(rig, Rig)
    assert rig.units == "mm"
    assert float((rig.neutral.amax(0) - rig.neutral.amin(0))[1]) == pytest.approx(130, abs=10)
    assert rig.channels == flame_channels(50)
    assert sorted(torch.cat(list(rig.groups.values())).tolist()) == list(range(56))
    assert [rig.channels[i] for i in rig.groups["head"]] == ["headYaw", "headPitch", "headRoll"]
    assert all(group.dtype == torch.long for group in rig.groups.values())
    assert len(load_rig("flame", path=file, expressions=100).channels) == 106


def test_fifty_expressions_are_the_first_of_a_hundred(file: Path):
    short, long = (load_rig("flame", path=file, expressions=n) for n in (50, 100))
    motion = torch.randn(56)
    wide = torch.cat([motion[:50], torch.zeros(50), motion[50:]])
    np.testing.assert_allclose(short.to_vertices(motion), long.to_vertices(wide), atol=1e-4)


def test_a_subset_of_vertices_equals_the_rows_of_the_whole(rig: FlameRig):
    motion = torch.randn(2, 3, 56)
    whole = rig.to_vertices(motion)
    assert whole.shape == (2, 3, len(rig.neutral), 3)
    few = torch.tensor([7, 0, 30])
    np.testing.assert_allclose(rig.to_vertices(motion, few), whole[:, :, few], atol=1e-4)


def test_gradients_reach_expressions_and_jaw_from_the_neutral_face(rig: FlameRig):
    motion = torch.zeros(56, requires_grad=True)
    (rig.to_vertices(motion) * torch.randn(len(rig.neutral), 3)).sum().backward()
    assert motion.grad is not None and torch.isfinite(motion.grad).all()
    assert (motion.grad[:53] != 0).all()
    assert (motion.grad[53:] == 0).all()


def test_lips_found_without_a_mask_lie_around_the_slit_and_part_as_the_jaw_opens(rig: FlameRig):
    at_mouth = 1000 * ROWS[np.abs(ROWS - SLIT_Y).argmin()]
    lips, upper = rig.neutral[rig.lips], rig.neutral[rig.upper]
    assert (lips[:, 1] - at_mouth).abs().max() < 9
    assert np.ptp(lips[:, 0].numpy()) < 2 * 21 + 2 * 9
    assert upper[:, 1].min() > lips[:, 1].max()
    assert len(rig.lip_pairs) >= 2
    space = MotionSpace.identity(rig, 25.0)
    closed, opened = torch.zeros(56), torch.zeros(56)
    opened[50] = 0.25
    assert abs(float(space.lip_gap_mm(closed))) < 2
    assert float(space.lip_gap_mm(opened)) > 8


def test_lips_found_without_a_mask_are_those_of_real_skin(shared_data: Path):
    from distill.face.flame_regions import derived

    real = load_rig("ict", path=shared_data / "ict_facekit" / "ict_face_narrow.npz")
    motion = torch.zeros(len(real.channels))
    motion[real.channels.index("jawOpen")] = 1.0
    moved = (real.to_vertices(motion) - real.neutral).norm(dim=-1).numpy()
    jaw = (moved / np.percentile(moved[real.lips], 90)).clip(0, 1)
    eyes = np.array([[30, 25, 70], [-30, 25, 70]], np.float32)
    lips, upper, pairs = derived(real.neutral.numpy(), jaw, eyes, np.zeros(len(jaw), bool))
    known = set(real.lips.tolist())
    assert len(known & set(lips.tolist())) > 0.8 * len(known | set(lips.tolist()))
    assert set(real.upper.tolist()) & set(upper.tolist())
    opening = real.to_vertices(motion)[pairs[:, 0], 1] - real.to_vertices(motion)[pairs[:, 1], 1]
    assert (opening > 15).all()


def test_masks_of_the_published_file_are_taken_as_they_are(file: Path, tmp_path: Path):
    by_motion = load_rig("flame", path=file)
    names = {
        "lips": by_motion.lips.numpy(), "forehead": np.array([170, 171]),
        "eye_region": np.array([140, 171]), "scalp": np.array([1]),
    }  # fmt: skip
    masks = write_pickle(tmp_path / "FLAME_masks.pkl", names)
    rig = load_rig("flame", path=file, masks=masks)
    assert rig.lips.tolist() == names["lips"].tolist()
    assert rig.upper.tolist() == [140, 170, 171]
    assert rig.lip_pairs.tolist() == by_motion.lip_pairs.tolist()
    np.savez(tmp_path / "own.npz", lips=[0, 1, 2], upper=[3], lip_pairs=[[0, 2]])
    own = load_rig("flame", path=file, masks=tmp_path / "own.npz")
    assert (own.lips.tolist(), own.upper.tolist()) == ([0, 1, 2], [3])
    assert own.lip_pairs.tolist() == [[0, 2]]


def test_masks_of_another_model_are_refused(file: Path, tmp_path: Path):
    np.savez(tmp_path / "far.npz", lips=[5022], upper=[3])
    with pytest.raises(UserError, match=r"lips.*outside 0\.\.\d+"):
        load_rig("flame", path=file, masks=tmp_path / "far.npz")
    np.savez(tmp_path / "bare.npz", lips=[1])
    with pytest.raises(UserError, match="needs lips, and upper"):
        load_rig("flame", path=file, masks=tmp_path / "bare.npz")


def test_an_npz_of_the_same_arrays_is_the_same_rig(rig: FlameRig, tmp_path: Path):
    np.savez(tmp_path / "flame.npz", **arrays())
    other = load_rig("flame", path=tmp_path / "flame.npz", shape=SHAPE)
    motion = torch.randn(4, 56)
    np.testing.assert_allclose(other.to_vertices(motion), rig.to_vertices(motion), atol=1e-3)
    assert torch.equal(other.lips, rig.lips)


def test_a_turned_head_is_drawn_turned_about_the_root_joint_as_published(rig: FlameRig):
    motion = torch.zeros(56)
    motion[53:] = torch.tensor([0.3, -0.2, 0.1])
    turn = head_rotation(motion[53:])
    turns = torch.eye(3).repeat(5, 1, 1)
    turns[0] = turn
    published_turn = rig.posed(torch.zeros(50), turns)
    drawn = (rig.to_vertices(motion) - rig.pivot) @ turn.mT + rig.pivot
    np.testing.assert_allclose(drawn, published_turn, atol=1e-3)
    image = render_image(rig, motion, size=(64, 64))
    assert image.std() > 10


def test_a_copy_on_a_device_is_complete(rig: FlameRig):
    copy = rig.to("cpu")
    motion = torch.randn(56)
    assert torch.equal(copy.to_vertices(motion), rig.to_vertices(motion))
    moved = rig.to("meta")
    tensors = [v for v in vars(moved).values() if isinstance(v, torch.Tensor)]
    assert {t.device.type for t in (*tensors, *moved.groups.values())} == {"meta"}


class Malicious:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def test_what_is_no_flame_is_refused_and_never_executed(file: Path, tmp_path: Path):
    with pytest.raises(UserError, match=r"rig\.path="):
        load_rig("flame")
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"v_template": Malicious()}))
    with pytest.raises(UserError, match="exec"):
        load_rig("flame", path=tmp_path / "bad.pkl")
    write_pickle(tmp_path / "other.pkl", {"v_template": np.zeros((4, 3))})
    with pytest.raises(UserError, match="lacks f, shapedirs"):
        load_rig("flame", path=tmp_path / "other.pkl")
    write_pickle(tmp_path / "list.pkl", [1, 2])  # type: ignore[arg-type]
    with pytest.raises(UserError, match="holds a list"):
        load_rig("flame", path=tmp_path / "list.pkl")
    for name, value, reason in (
        ("weights", arrays()["weights"] * 2, "add up to 1"),
        ("posedirs", np.zeros((5, 3, 36)), r"posedirs has shape \(5, 3, 36\)"),
        ("shapedirs", arrays()["shapedirs"][..., :100], "shapedirs has shape"),
        ("f", np.array([[0, 1, 9999]]), "outside"),
    ):
        np.savez(tmp_path / "broken.npz", **(arrays() | {name: value}))
        with pytest.raises(UserError, match=reason):
            load_rig("flame", path=tmp_path / "broken.npz")
    huge = Stored("scipy.sparse.csc", "csc_matrix", {"_shape": (10**6, 10**6), "indptr": [0]})
    write_pickle(tmp_path / "huge.pkl", arrays() | {"J_regressor": huge})
    with pytest.raises(UserError, match="1000000 x 1000000"):
        load_rig("flame", path=tmp_path / "huge.pkl")
    odd = Stored("chumpy.ch", "MatVecMult", {"mtx": 1})
    write_pickle(tmp_path / "odd.pkl", arrays() | {"weights": odd})
    with pytest.raises(UserError, match="an object with mtx inside"):
        load_rig("flame", path=tmp_path / "odd.pkl")
    with pytest.raises(UserError, match=r"rig\.expressions=101.*100 expressions"):
        load_rig("flame", path=file, expressions=101)


def test_a_rig_without_upper_channels_has_no_upper_face_to_enhance(rig: FlameRig):
    config = {"distill": {"weights": {"pc": 1.0}}}
    student = toy_student()
    assert build_enhancer(config, MotionSpace.identity(rig, 25.0), student, student) is None


def test_a_mouth_that_never_opens_asks_for_masks(tmp_path: Path):
    values = arrays()
    values["weights"] = np.tile(np.eye(5)[1], (len(values["weights"]), 1))
    values["posedirs"] = values["posedirs"] * 0
    np.savez(tmp_path / "shut.npz", **values)
    with pytest.raises(UserError, match=r"rig\.masks=FLAME_masks\.pkl"):
        load_rig("flame", path=tmp_path / "shut.npz")
