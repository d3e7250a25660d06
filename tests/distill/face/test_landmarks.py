"""A rig in the plane: 20 points in pixels, no upper face and no head."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.metrics.registry import build_metrics
from benchmarks.reference import Reference, face_context
from distill.errors import UserError
from distill.face.files import read_npz, write_motion
from distill.face.landmarks import facing, rest_contour
from distill.face.names import LANDMARK_CHANNELS
from distill.face.render import render_image
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.pipeline.build import build_enhancer
from distill.protocols import Rig
from distill.training.losses import LossWeights, MotionLoss
from tests.toys import toy_space, toy_student, toy_teacher


def space() -> MotionSpace:
    return MotionSpace.identity(load_rig("landmarks"), 25.0)


def channel(name: str) -> int:
    return LANDMARK_CHANNELS.index(name)


def test_every_channel_moves_its_own_point_along_its_own_axis_by_one_pixel():
    rig = load_rig("landmarks")
    assert isinstance(rig, Rig) and rig.units == "px" and len(rig.channels) == 40
    moved = rig.to_vertices(torch.eye(40)) - rig.neutral
    for index, name in enumerate(rig.channels):
        expected = torch.zeros(20, 3)
        expected[int(name[3:5]), "XY".index(name[5])] = 1.0
        torch.testing.assert_close(moved[index], expected, msg=name)


def test_groups_hold_every_channel_once_and_there_is_no_upper_face():
    rig = load_rig("landmarks")
    assert rig.groups["mouth"].tolist() == list(range(40))
    assert len(rig.groups["upper"]) == len(rig.groups["head"]) == len(rig.upper) == 0
    assert rig.lips.tolist() == list(range(20))


def test_facing_points_lie_above_each_other_and_the_corners_at_the_sides():
    rest = rest_contour()
    for upper, lower in facing():
        assert rest[upper, 0] == rest[lower, 0] and rest[upper, 1] == -rest[lower, 1] > 0
    assert rest[:, 0].argmin() == 0 and rest[:, 0].argmax() == 10
    np.testing.assert_allclose(rest.mean(0), 0.0, atol=1e-5)


def test_the_gap_is_the_height_of_the_contour_in_pixels():
    motion = torch.zeros(2, 40)
    motion[1, [channel(f"lip{lower:02d}Y") for _, lower in facing()]] = -5.0
    rest, opened = space().lip_gap_mm(motion)
    assert float(opened - rest) == pytest.approx(5.0)


def test_triangles_fill_the_contour_and_face_the_viewer():
    rig = load_rig("landmarks")
    a, b, c = rig.neutral[rig.triangles][..., :2].unbind(1)
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    areas = (ux * vy - uy * vx) / 2
    x, y = rig.neutral[:, 0], rig.neutral[:, 1]
    whole = 0.5 * float((x.roll(-1) * y - x * y.roll(-1)).sum())
    assert float(areas.min()) > 0 and float(areas.sum()) == pytest.approx(whole, rel=1e-5)


def test_the_picture_is_the_right_way_up():
    lowered = torch.zeros(40)
    lowered[[channel(f"lip{lower:02d}Y") for _, lower in facing()]] = -10.0
    rest, opened = (
        (render_image(space().rig, motion, size=(96, 96))[..., 2] < 130).nonzero()
        for motion in (torch.zeros(40), lowered)
    )
    assert opened[0].max() > rest[0].max() + 12  # 20 px of picture for 10 of the contour
    assert opened[0].min() == rest[0].min()
    assert rest[1].min() == pytest.approx(95 - rest[1].max(), abs=1)


def test_losses_leave_out_the_face_that_is_not_there_and_stay_finite():
    rng = np.random.default_rng(0)
    fitted = MotionSpace.fit(space().rig, 25.0, [rng.normal(0, 2, (300, 40)).astype(np.float32)])
    loss, mask = MotionLoss(fitted, LossWeights(posture=0.5)), torch.ones(2, 9, dtype=torch.bool)
    made = torch.randn(2, 9, 40, requires_grad=True)
    terms = loss(made, torch.randn(2, 9, 40), mask)
    assert set(terms) == {"x0", "lips", "gap", "velocity", "posture"}
    torch.stack(list(terms.values())).sum().backward()
    assert made.grad is not None and made.grad.isfinite().all()


def test_no_persona_is_contrasted_with_an_upper_face_that_is_not_there():
    config = {"distill": {"weights": {"pc": 0.02}}}
    assert build_enhancer(config, space(), toy_teacher(), toy_student()) is None
    assert build_enhancer(config, toy_space(), toy_teacher(), toy_student()) is not None


def test_upper_face_and_millimetres_are_not_measured():
    context = face_context(space(), Reference(gap_ranges_mm={"": (0.0, 1.0)}))
    found = build_metrics(context)
    assert {"lve", "mve", "mod", "closure", "sync_r"} <= set(found)
    assert not {"eve", "fdd", "fdd_abs", "lve_rms_mm"} & set(found)


def test_lip_error_is_in_square_pixels():
    context = face_context(space(), Reference(gap_ranges_mm={"": (0.0, 1.0)}))
    lve, off = build_metrics(context)["lve"], torch.zeros(3, 40)
    off[:, channel("lip05X")], off[:, channel("lip05Y")] = 3.0, 4.0
    lve.update(space().to_vertices(off), space().to_vertices(torch.zeros(3, 40)))
    assert float(lve.compute()) == pytest.approx(25.0)
    assert lve.spec.unit.format(u=context.unit) == "px^2"


def test_motion_files(tmp_path: Path):
    motion = np.random.default_rng(1).normal(0, 2, (5, 40)).astype(np.float32)
    write_motion(tmp_path / "a.npz", motion, space())
    read = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(read["motion"], motion)
    assert (read["rig"], read["names"]) == ("landmarks", LANDMARK_CHANNELS)
    assert "pixels" in str(read["units"])
    with pytest.raises(UserError, match=r"'landmarks' has no ARKit channels; write .* as \.npz"):
        write_motion(tmp_path / "a.csv", motion, space())
    write_motion(tmp_path / "a.gif", motion, space(), size=64)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "a.npz"]
