import itertools

import numpy as np
import pytest
import torch

from distill.face.arkit.head import BROW, SKIN, build_head
from distill.face.linear import LinearRig
from distill.face.names import ARKIT_52, ARKIT_CHANNELS, UPPER, mirrored
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace

FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def head():
    return build_head()


@pytest.fixture(scope="module")
def rig() -> LinearRig:
    built = load_rig("arkit")
    assert isinstance(built, LinearRig)
    return built


def weights(**values: float) -> torch.Tensor:
    out = torch.zeros(len(ARKIT_CHANNELS))
    for name, value in values.items():
        names = [name] if name in ARKIT_CHANNELS else [f"{name}Left", f"{name}Right"]
        for each in names:
            out[ARKIT_CHANNELS.index(each)] = value
    return out


def slit_gaps(rig: LinearRig, head, motion: torch.Tensor) -> np.ndarray:
    """Opening between facing upper and lower vertices all along the mouth, in mm."""
    p = head.points
    up = np.flatnonzero((p.lip == 0) & (p.side > 0))
    low = np.flatnonzero((p.lip == 0) & (p.side < 0))
    low = low[np.abs(p.x[up][:, None] - p.x[low]).argmin(1)]
    vertices = rig.to_vertices(motion).numpy()
    return vertices[..., up, 1] - vertices[..., low, 1]


def test_head_has_human_size_and_mesh_budget(rig):
    low, high = rig.neutral.amin(0), rig.neutral.amax(0)
    assert 2000 <= len(rig.neutral) <= 6000
    assert 100 <= len(rig.lips) <= 250
    assert 140 < high[0] - low[0] < 200
    chin = rig.neutral[rig.neutral[:, 2] > 70, 1].min()
    assert 215 < high[1] - chin < 245
    width = np.ptp(rig.neutral[rig.lips, 0].numpy())
    assert 45 < width < 58


def test_every_triangle_vertex_is_finite_and_used(rig):
    assert torch.isfinite(rig.neutral).all()
    assert torch.isfinite(rig.basis).all()
    assert rig.triangles.max() == len(rig.neutral) - 1
    assert len(torch.unique(rig.triangles)) == len(rig.neutral)


def test_every_arkit_shape_moves_something_and_head_rotation_nothing(rig):
    size = rig.basis.norm(dim=-1).amax(-1)
    assert (size[:52] > 1.5).all()
    assert (size[52:] == 0).all()


@pytest.mark.parametrize("name", ARKIT_52)
def test_shapes_are_mirror_images_of_their_other_side(rig, head, name):
    lit = np.isin(head.part, (SKIN, BROW))
    np.testing.assert_allclose(head.rest[head.mirror][lit] * FLIP, head.rest[lit], atol=1e-9)
    left = rig.basis[ARKIT_CHANNELS.index(name)].numpy()
    right = rig.basis[ARKIT_CHANNELS.index(mirrored(name))].numpy()
    np.testing.assert_allclose(right[lit], left[head.mirror][lit] * FLIP, atol=1e-5)


def test_upper_shapes_move_no_lip_vertex_and_mouth_shapes_no_upper_face(rig):
    size = rig.basis.norm(dim=-1)
    for i, name in enumerate(ARKIT_52):
        if name in UPPER:
            assert size[i, rig.lips].max() == 0, name
        elif not name.startswith(("cheekSquint", "noseSneer")):
            assert size[i, rig.upper].max() == 0, name


def test_displacement_is_smooth_over_the_skin(rig, head):
    """Neighbours part by less than their distance times a bound, with the lip line excepted."""
    triangles = rig.triangles.numpy()
    edges = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    skin = (head.part == SKIN) & (np.abs(rig.neutral.numpy()[:, 2]) < 1e3)
    laid = np.zeros(len(skin), bool)
    laid[: len(head.points.x)] = (head.points.lip > 0) & (head.points.lid > 0)
    edges = edges[(skin & laid)[edges].all(1)]
    rest = rig.neutral.numpy()
    length = np.linalg.norm(rest[edges[:, 0]] - rest[edges[:, 1]], axis=1)
    for i, name in enumerate(ARKIT_52):
        field = rig.basis[i].numpy()
        jump = np.linalg.norm(field[edges[:, 0]] - field[edges[:, 1]], axis=1)
        bound = 2.6 if name in ("jawOpen", "mouthClose") else 1.5
        assert (jump / np.maximum(length, 0.8)).max() < bound, name


def test_jaw_opens_the_lips_by_a_realistic_amount(rig, head):
    gap = slit_gaps(rig, head, weights(jawOpen=1.0))
    assert 20 < gap.max() < 30
    half = slit_gaps(rig, head, weights(jawOpen=0.5)).max()
    assert half == pytest.approx(gap.max() / 2, rel=1e-3)


@pytest.mark.parametrize("amount", [0.1, 0.4, 1.0])
def test_mouth_close_brings_the_lips_together_over_the_open_jaw(rig, head, amount):
    gap = slit_gaps(rig, head, weights(jawOpen=amount, mouthClose=amount))
    assert np.abs(gap).max() < 1.0
    chin = rig.to_vertices(weights(jawOpen=amount, mouthClose=amount)) - rig.neutral
    assert chin[:, 1].min() < -15 * amount


def test_too_much_mouth_close_stops_at_closed_lips(rig, head):
    alone = slit_gaps(rig, head, weights(mouthClose=1.0))
    np.testing.assert_allclose(alone, slit_gaps(rig, head, weights()), atol=1e-5)


def test_lips_never_pass_through_each_other(rig, head):
    """Random mixtures of all mouth shapes and the corners of the visemes' range."""
    mouth = rig.groups["mouth"]
    motion = torch.zeros(400, len(ARKIT_CHANNELS))
    generator = torch.Generator().manual_seed(1)
    keep = torch.rand(400, len(mouth), generator=generator) < 0.3
    motion[:, mouth] = torch.rand(400, len(mouth), generator=generator) * keep
    stems = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthPress",
             "mouthRollLower", "mouthSmile")  # fmt: skip
    corners = [
        weights(**dict(zip(stems, values, strict=True)))
        for values in itertools.product((0.0, 1.0), repeat=len(stems))
    ]
    gaps = slit_gaps(rig, head, torch.cat([motion, torch.stack(corners)]))
    assert gaps.min() > -0.15


def test_lips_meet_at_p_b_m(rig):
    pose = weights(jawOpen=0.1, mouthClose=0.1, mouthPress=0.3, mouthRollUpper=0.2,
                   mouthRollLower=0.2)  # fmt: skip
    space = MotionSpace.identity(rig, 30.0)
    assert abs(float(space.lip_gap_mm(pose))) < 0.1
    assert abs(float(space.lip_gap_mm(weights()))) < 0.1


def test_rounding_narrows_and_smiling_widens_the_mouth(rig):
    def width(motion):
        return np.ptp(rig.to_vertices(motion, rig.lips)[:, 0].numpy())

    rest = width(weights())
    assert width(weights(mouthPucker=1.0)) < 0.7 * rest
    assert width(weights(mouthFunnel=1.0)) < 0.85 * rest
    assert width(weights(mouthSmile=1.0)) > 1.15 * rest
    forward = rig.to_vertices(weights(mouthPucker=1.0), rig.lips)[:, 2].max()
    assert forward > rig.neutral[rig.lips, 2].max() + 4


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_eyeball_stays_behind_the_lids(rig, head, amount):
    """The eyelid edge lies before the ball at every stage of a blink, and meets when shut."""
    p = head.points
    edge = np.flatnonzero((p.lid == 0) & (p.x > 0))
    vertices = rig.to_vertices(weights(eyeBlink=amount)).numpy()
    ball = vertices[head.part == 2]
    centre = 0.5 * (ball.min(0) + ball.max(0)) * [1, 1, 0] + [0, 0, ball[:, 2].max() - 12.8]
    middle = edge[np.abs(p.x[edge] - 32) < 9]
    assert np.linalg.norm(vertices[middle] - centre, axis=1).min() > 12.2
    top = middle[np.sin(p.lid_angle[middle]) > 0]
    low = middle[np.sin(p.lid_angle[middle]) < 0]
    line = np.interp(vertices[top, 0], np.sort(vertices[low, 0]),
                     vertices[low, 1][np.argsort(vertices[low, 0])])  # fmt: skip
    opening = vertices[top, 1] - line
    assert opening.min() > -0.3
    assert (opening.max() < 0.6) == (amount == 1.0)


def test_looking_turns_the_pupil_the_right_way(rig, head):
    pupil = np.flatnonzero(head.part == 2)[:24]
    for name, axis, sign in (("eyeLookUpLeft", 1, 1), ("eyeLookDownLeft", 1, -1),
                             ("eyeLookOutLeft", 0, 1), ("eyeLookInLeft", 0, -1)):  # fmt: skip
        moved = rig.basis[ARKIT_CHANNELS.index(name)].numpy()[pupil].mean(0)
        assert sign * moved[axis] > 5, name


def test_lower_teeth_follow_the_jaw_and_upper_teeth_do_not(rig, head):
    jaw = rig.basis[ARKIT_CHANNELS.index("jawOpen")].numpy()
    assert np.abs(jaw[head.part == 6]).max() == 0
    assert jaw[head.part == 7][:, 1].max() < -10
