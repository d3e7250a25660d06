import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.errors import UserError
from distill.face.linear import LinearRig
from distill.face.names import ARKIT_52, ARKIT_CHANNELS, HEAD, mirrored
from distill.face.rigs import load_rig
from distill.face.space import STD_FLOOR, MotionSpace
from distill.protocols import Rig


def test_names_are_the_columns_of_a_real_recording(shared_data: Path):
    with open(next((shared_data / "livelinkface").glob("*.csv"))) as file:
        header = next(csv.reader(file))[2:57]
    assert [n[0].lower() + n[1:] for n in header] == list(ARKIT_CHANNELS)


def test_mirroring_twice_is_the_same_channel():
    assert len(set(ARKIT_52)) == 52
    assert {mirrored(n) for n in ARKIT_52} == set(ARKIT_52)
    assert all(mirrored(mirrored(n)) == n for n in ARKIT_CHANNELS)


def test_groups_are_disjoint_and_complete():
    rig = load_rig("arkit")
    assert isinstance(rig, LinearRig)
    checked: Rig = rig
    joined = torch.cat([checked.groups[g] for g in ("mouth", "upper", "head")])
    assert sorted(joined.tolist()) == list(range(len(ARKIT_CHANNELS)))
    assert [rig.channels[i] for i in rig.groups["head"]] == list(HEAD)


def test_unknown_rig_names_the_nearest():
    with pytest.raises(UserError, match="'arkit'"):
        load_rig("arkitt")


def test_normalization_round_trips_and_floors_still_channels():
    rig = load_rig("arkit")
    rng = np.random.default_rng(0)
    motions = [rng.random((n, 55)).astype(np.float32) for n in (3, 50)]
    for motion in motions:
        motion[:, 4] = 0.25
    space = MotionSpace.fit(rig, 30.0, motions)
    whole = torch.from_numpy(np.concatenate(motions))
    normal = space.normalize(whole)
    torch.testing.assert_close(space.denormalize(normal), whole)
    others = [i for i in range(55) if i != 4]
    torch.testing.assert_close(normal.mean(0), torch.zeros(55), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        normal[:, others].std(0, correction=0), torch.ones(54), atol=1e-4, rtol=0
    )
    assert space.std[4].item() == pytest.approx(STD_FLOOR)


def test_fit_refuses_no_frames_and_foreign_channels():
    rig = load_rig("arkit")
    with pytest.raises(UserError, match="empty"):
        MotionSpace.fit(rig, 30.0, [])
    with pytest.raises(UserError, match="55"):
        MotionSpace.fit(rig, 30.0, [np.zeros((4, 7))])


def test_lip_gap_grows_with_the_jaw_and_has_a_gradient():
    space = MotionSpace.identity(load_rig("arkit"), 30.0)
    motion = torch.zeros(5, 55)
    motion[:, space.channels.index("jawOpen")] = torch.linspace(0, 1, 5)
    motion.requires_grad_(True)
    gap = space.lip_gap_mm(motion)
    assert gap.shape == (5,)
    assert all(b > a + 2 for a, b in pairwise(gap.tolist()))
    gap.sum().backward()
    assert motion.grad is not None
    assert motion.grad[1, space.channels.index("jawOpen")] > 10


def test_chosen_vertices_equal_those_of_the_whole_face():
    rig = load_rig("arkit")
    motion = torch.rand(2, 3, 55)
    torch.testing.assert_close(
        rig.to_vertices(motion, rig.lips), rig.to_vertices(motion)[..., rig.lips, :]
    )


def test_moving_to_a_device_keeps_values():
    space = MotionSpace.identity(load_rig("arkit"), 25.0)
    moved = space.to("cpu")
    motion = torch.rand(4, 55)
    torch.testing.assert_close(moved.to_vertices(motion), space.to_vertices(motion))
    assert moved.fps == 25.0
