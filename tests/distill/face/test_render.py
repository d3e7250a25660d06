import numpy as np
import torch

from distill.face.render import contact_sheet, render_frames, render_image
from distill.face.rigs import load_rig
from distill.face.rotations import head_rotation

SIZE = (96, 80)


def motion(**weights: float) -> torch.Tensor:
    channels = load_rig("arkit").channels
    out = torch.zeros(len(channels))
    for name, value in weights.items():
        out[channels.index(name)] = value
    return out


def test_a_picture_shows_a_head_on_a_background():
    image = render_image(load_rig("arkit"), motion(), size=SIZE)
    assert image.shape == (80, 96, 3)
    assert image.dtype == np.uint8
    corner, middle = image[0, 0].astype(int), image[40, 48].astype(int)
    assert np.abs(corner - middle).max() > 20
    assert image.std() > 20


def test_the_face_at_rest_is_mirror_symmetric_in_outline():
    rig = load_rig("arkit")
    image = render_image(rig, motion(), size=SIZE).astype(int)
    ramp = image[:, :1]
    drawn = np.abs(image - ramp).max(-1) > 12
    assert drawn.sum() > 800
    assert (drawn != drawn[:, ::-1]).mean() < 0.03


def test_frames_equal_pictures_drawn_alone():
    rig = load_rig("arkit")
    clip = torch.stack([motion(), motion(jawOpen=1.0), motion(headYaw=0.5)] * 12)
    frames = list(render_frames(rig, clip, size=SIZE))
    assert len(frames) == 36
    for i in (0, 1, 2, 33, 34, 35):
        np.testing.assert_allclose(
            frames[i].astype(int), render_image(rig, clip[i], size=SIZE), atol=1
        )


def test_opening_the_jaw_changes_the_lower_face_only():
    rig = load_rig("arkit")
    rest = render_image(rig, motion(), size=SIZE).astype(int)
    change = np.abs(render_image(rig, motion(jawOpen=1.0), size=SIZE) - rest).max(-1)
    assert change[:45].max() <= 2
    assert change[50:].max() > 40


def test_head_rotation_signs_follow_live_link_face():
    angles = torch.tensor([[0.3, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.3]])
    rotations = head_rotation(angles)
    forward, top = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 0.0])
    assert (rotations[0] @ forward)[0] < -0.2
    assert (rotations[1] @ forward)[1] < -0.2
    assert (rotations[2] @ top)[0] < -0.2
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand(3, 3, 3))


def test_contact_sheet_lays_out_rows_with_labels():
    tile = np.full((20, 30, 3), 7, np.uint8)
    sheet = contact_sheet([tile] * 5, columns=3, labels=list("abcde"))
    assert sheet.shape == (2 * (20 + 22), 90, 3)
    assert (sheet[:20, :90] == 7).all()
    assert contact_sheet([tile] * 5, columns=3).shape == (40, 90, 3)
