"""People, eyes, teeth and areas of ICT-FaceKit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from distill.errors import UserError
from distill.face.ict_eyes import LOOKS, eye_center
from distill.face.linear import LinearRig
from distill.face.livelink import eye_rotations
from distill.face.names import ARKIT_CHANNELS
from distill.face.render import render_image
from distill.face.rigs import load_rig
from distill.face.rotations import head_rotation
from tests.distill.face.test_ict import weights


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "ict_facekit"


@pytest.fixture(scope="module")
def full(folder: Path) -> LinearRig:
    return rig_of(folder, "eyes_teeth")


def rig_of(folder: Path, name: str, **options) -> LinearRig:
    rig = load_rig("ict", path=folder / f"ict_face_{name}.npz", **options)
    assert isinstance(rig, LinearRig)
    return rig


def numbers(folder: Path, name: str) -> np.ndarray:
    """Vertex numbers of the public model."""
    with np.load(folder / f"ict_face_{name}.npz") as data:
        return data["orig_vertex_idx"]


def part(folder: Path, name: str) -> torch.Tensor:
    with np.load(folder / "ict_face_eyes_teeth.npz") as data:
        return torch.tensor(data["vertex_part"] == list(data["part_names"]).index(name))


def test_a_person_is_the_mean_face_and_weighted_modes(folder: Path):
    with np.load(folder / "ict_face_lite.npz") as data:
        modes = data["identity"].astype(np.float32) * 10
    mean = rig_of(folder, "lite").neutral.numpy()
    given = [0.5, -2.0, 0.0, 1.5]
    expected = mean + sum(w * mode for w, mode in zip(given, modes, strict=False))
    np.testing.assert_allclose(rig_of(folder, "lite", identity=given).neutral, expected, atol=1e-4)
    assert torch.equal(rig_of(folder, "lite", identity=[]).neutral, torch.tensor(mean))


def test_who_it_is_changes_neither_regions_nor_expressions(folder: Path):
    mean, person = rig_of(folder, "lite"), rig_of(folder, "lite", identity=[3.0] * 20)
    assert (person.neutral - mean.neutral).norm(dim=-1).max() > 10
    for name in ("lips", "upper", "lip_pairs", "basis"):
        assert torch.equal(getattr(person, name), getattr(mean, name))
    motion = weights(jawOpen=0.7, mouthClose=0.4, browInnerUp=1.0)
    moved = [rig.to_vertices(motion) - rig.neutral for rig in (mean, person)]
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-4)


def test_a_seed_is_a_person(folder: Path):
    first, again, other = (rig_of(folder, "lite", identity_seed=s) for s in (1, 1, 2))
    assert torch.equal(first.neutral, again.neutral)
    assert (first.neutral - other.neutral).norm(dim=-1).max() > 5
    drawn = np.random.default_rng(1).standard_normal(100).tolist()
    assert torch.equal(rig_of(folder, "lite", identity=drawn).neutral, first.neutral)


def test_modes_of_the_public_files_are_those_of_the_npz(folder: Path):
    public = load_rig("ict", path=folder / "upstream", allow_missing=True, identity=[2.0, 1.0])
    expected = rig_of(folder, "eyes_teeth", identity=[2.0]).neutral  # identity001.obj is missing
    found = public.neutral[torch.tensor(numbers(folder, "eyes_teeth")).long()]
    np.testing.assert_allclose(found, expected, atol=2e-2)
    with pytest.raises(UserError, match="FaceXModel lacks 52 of 55"):
        load_rig("ict", path=folder / "upstream", identity=[2.0, 1.0])


@pytest.mark.parametrize("name", ["narrow", "lite"])
def test_every_size_of_the_model_moves_shared_vertices_alike(folder: Path, full, name: str):
    kept = np.searchsorted(numbers(folder, "eyes_teeth"), numbers(folder, name))
    small, index = rig_of(folder, name, identity_seed=3), torch.tensor(kept)
    large = rig_of(folder, "eyes_teeth", identity_seed=3)
    motion = torch.rand(4, len(ARKIT_CHANNELS))
    np.testing.assert_allclose(
        small.to_vertices(motion), large.to_vertices(motion, index), atol=1e-2
    )
    for region in ("lips", "upper"):
        shared = set(getattr(full, region).tolist()) & set(kept.tolist())
        assert {int(kept[v]) for v in getattr(small, region)} == shared
    assert torch.equal(index[small.lip_pairs], full.lip_pairs)


def test_the_narrow_area_of_the_full_model_is_the_narrow_model(folder: Path):
    cut, own = rig_of(folder, "eyes_teeth", area="narrow"), rig_of(folder, "narrow")
    assert torch.equal(cut.neutral, own.neutral)
    assert torch.equal(cut.basis, own.basis)
    as_sets = [{tuple(sorted(t)) for t in rig.triangles.tolist()} for rig in (cut, own)]
    assert as_sets[0] == as_sets[1]


def test_eyes_turn_as_recordings_say_and_stay_in_place(folder: Path, full: LinearRig):
    for name in LOOKS:
        side = "left" if name.endswith("Left") else "right"
        ball, other = (
            part(folder, f"eyeball_{s}") for s in (side, {"left": "right"}.get(side, "left"))
        )
        motion = weights(**{name: 1.0})
        moved = full.to_vertices(motion)
        center = torch.tensor(eye_center(full.neutral[ball].numpy())).float()
        angles = torch.tensor(eye_rotations(motion[None].numpy())[0]).unflatten(0, (2, 3))
        turn = head_rotation(angles[0 if side == "left" else 1])
        expected = (full.neutral[ball] - center) @ turn.mT + center
        np.testing.assert_allclose(moved[ball], expected, atol=1e-3)
        assert torch.equal(moved[other], full.neutral[other])
        front = full.neutral[ball][:, 2].argmax()
        shift = (moved - full.neutral)[ball][front]
        axis, sign = {"In": (0, -1), "Out": (0, 1), "Up": (1, 1), "Down": (1, -1)}[
            name.removeprefix("eyeLook").removesuffix("Left").removesuffix("Right")
        ]
        assert float(shift[axis]) * sign * (-1 if side == "right" and axis == 0 else 1) > 5


def test_no_other_shape_moves_the_eyes(folder: Path, full: LinearRig):
    balls = part(folder, "eyeball_left") | part(folder, "eyeball_right")
    moved = full.basis[:, balls].norm(dim=-1).amax(1)
    assert {n for n, m in zip(ARKIT_CHANNELS, moved, strict=True) if m > 1e-3} == set(LOOKS)


def test_lower_teeth_follow_the_jaw_as_one_and_upper_teeth_stay(folder: Path, full: LinearRig):
    teeth = part(folder, "teeth")
    at_rest = full.neutral[teeth].numpy()
    for name in ("jawOpen", "jawForward", "jawLeft", "jawRight"):
        moved = (full.to_vertices(weights(**{name: 1.0}))[teeth]).numpy()
        far = np.linalg.norm(moved - at_rest, axis=1)
        lower = far > 0.3 * far.max()
        assert at_rest[lower, 1].mean() < at_rest[~lower, 1].mean() - 5
        assert far[~lower].max() < 0.2
        a, b = (x[lower] - x[lower].mean(0) for x in (at_rest, moved))
        turn, _ = Rotation.align_vectors(b, a)
        assert np.sqrt(((turn.apply(a) - b) ** 2).sum(1).mean()) < 0.15
    for name in ("mouthClose", "mouthSmileLeft", "mouthPucker", "eyeBlinkLeft"):
        still = full.to_vertices(weights(**{name: 1.0}))[teeth]
        np.testing.assert_allclose(still, at_rest, atol=0.05)


def test_teeth_and_eyes_are_seen_where_lips_and_lids_are_open(folder: Path, full: LinearRig):
    def seen(name: str, **values: float) -> int:
        """Pixels that change when a part is left out of the picture."""
        kept = ~part(folder, name)[full.triangles].any(1)
        without = replace(full, triangles=full.triangles[kept])
        images = [render_image(r, weights(**values), size=(160, 160)) for r in (full, without)]
        return int((images[0] != images[1]).any(-1).sum())

    bared = {f"mouth{n}{s}": 1.0 for n in ("UpperUp", "LowerDown") for s in ("Left", "Right")}
    assert seen("teeth", jawOpen=0.2, **bared) > 10 * seen("teeth")  # lips are 0.8 mm apart
    assert seen("eyeball_left") > 10
    assert seen("eyeball_left", eyeBlinkLeft=1.0) < seen("eyeball_left") / 5


def test_options_out_of_range_are_refused(folder: Path):
    path = folder / "ict_face_lite.npz"
    for options, reason in (
        ({"area": "wide"}, r"rig\.area='wide' is neither full nor narrow"),
        ({"identity": [1.0], "identity_seed": 1}, "give one of them"),
        ({"identity": [0.0] * 101}, r"101 values; give up to 100"),
        ({"identity": [float("nan")]}, "finite numbers"),
    ):
        with pytest.raises(UserError, match=reason):
            load_rig("ict", path=path, **options)
