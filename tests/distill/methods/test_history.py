import pytest
import torch

from distill.methods.history import HistoryMix, before_blocks, looking_back, mixed_motion
from distill.types import Conditions
from tests.students.test_stream import D, network
from tests.toys import toy_student

ROWS, FRAMES = 5, 8


def drawn(seed=0):
    torch.manual_seed(seed)
    z, clean = torch.randn(ROWS, FRAMES, D).double(), torch.randn(ROWS, FRAMES, D).double()
    return (
        z,
        clean,
        torch.rand(ROWS).double(),
        Conditions(audio=torch.randn(ROWS, FRAMES, 12).double()),
    )


def own_motion(model, cond, z, t, passes):
    """The student's motion, looking back at nothing and then at what it made before."""
    made = torch.zeros_like(z)
    for _ in range(passes):
        made = model(z, t, looking_back(model, cond, made))
    return made


@pytest.mark.parametrize("block_frames", [1, 2])
def test_a_block_sees_the_frames_before_it_and_none_of_its_own(block_frames):
    model = network(block_frames=block_frames)
    motion = torch.arange(1.0, FRAMES + 1)[None, :, None].expand(1, FRAMES, D)
    history = before_blocks(model, motion)
    seen = history.unfold(1, model.history_frames, block_frames)[0, :, 0]
    for block, frames in enumerate(seen):
        first = block * block_frames
        expected = [max(first + 1 - back, 0) for back in range(model.history_frames, 0, -1)]
        assert frames.tolist() == expected


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_own_motion_is_made_while_looking_back_at_own_motion(passes):
    model = network()
    z, clean, t, cond = drawn()
    mix = HistoryMix(drop=0.0, own=1.0, passes=passes)
    found = mixed_motion(model, cond, clean, z, t, mix)
    torch.testing.assert_close(found, own_motion(model, cond, z, t, passes), rtol=0, atol=0)
    other = own_motion(model, cond, z, t, passes + 1)
    assert (found - other).abs().max() > 1e-6


def test_enough_passes_are_what_a_stream_makes():
    model = network()
    z, clean, t, cond = drawn()
    settled = own_motion(model, cond, z, t, FRAMES)
    mix = HistoryMix(drop=0.0, own=1.0, passes=FRAMES)
    found = mixed_motion(model, cond, clean, z, t, mix)
    again = model(z, t, looking_back(model, cond, settled))
    torch.testing.assert_close(found, again, rtol=0, atol=1e-12)


def test_samples_look_back_at_nothing_own_or_clean_motion_as_often_as_asked():
    model = network()
    z, clean, t, cond = (torch.cat([part] * 200) for part in (*drawn()[:3], drawn()[3].audio))
    cond = Conditions(audio=cond)
    found = mixed_motion(model, cond, clean, z, t, HistoryMix(drop=0.2, own=0.5, passes=1))
    own = own_motion(model, cond, z, t, 1)
    shares = [
        (found == kind).all(dim=(1, 2)).double().mean().item()
        for kind in (torch.zeros_like(z), own, clean)
    ]
    assert shares == pytest.approx([0.2, 0.5, 0.3], abs=0.05)
    assert sum(shares) == 1.0


def test_a_student_that_sees_whole_clips_is_given_no_history():
    student, motion = toy_student(), torch.randn(2, FRAMES, 55)
    cond = Conditions()
    assert looking_back(student, cond, motion) is cond
    assert mixed_motion(student, cond, motion, motion, torch.rand(2), HistoryMix()) is motion
