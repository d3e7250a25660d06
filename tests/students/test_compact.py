import pytest
import torch

from distill.types import Conditions
from tests.toys import PERSONA, toy_student


@pytest.mark.parametrize(("lookahead", "blocks"), [(0, 2), (1, 2), (3, 2), (None, 2)])
def test_trunk_looks_ahead_exactly_as_far_as_it_says(lookahead, blocks):
    model = toy_student(lookahead_frames=lookahead, blocks=blocks).eval()
    expected = lookahead if lookahead is not None else blocks * 2
    z = torch.randn(1, 30, 55, requires_grad=True)
    cond = Conditions(audio=torch.randn(1, 30, model.audio_dim), persona=None)
    model(z, torch.tensor([0.5]), cond)[:, 10].abs().sum().backward()
    touched = (z.grad.abs().sum((0, 2)) > 0).nonzero().flatten()
    assert touched.max() == 10 + expected
    assert touched.min() == 10 - (blocks * 4 - expected)


def test_history_is_seen_and_left_out_of_the_answer():
    model = toy_student().eval()
    z, t = torch.randn(1, 12, 55), torch.tensor([0.5])
    audio = torch.randn(1, 12, model.audio_dim)
    persona = torch.randn(1, PERSONA * 2)
    outs = [
        model(z, t, Conditions(audio=audio, persona=persona, history=history))
        for history in (torch.zeros(1, 5, 55), torch.ones(1, 5, 55))
    ]
    assert outs[0].shape == z.shape and not torch.equal(outs[0][:, 0], outs[1][:, 0])
