import pytest
import torch

from distill.types import Conditions
from tests.toys import toy_student


@pytest.mark.parametrize(("lookahead", "blocks"), [(0, 2), (1, 2), (3, 2), (None, 2)])
def test_trunk_looks_ahead_exactly_as_far_as_it_says(lookahead, blocks):
    model = toy_student(lookahead_frames=lookahead, blocks=blocks).eval()
    expected = lookahead if lookahead is not None else blocks * 2
    z = torch.randn(1, 30, 55, requires_grad=True)
    cond = model.expect(Conditions(audio=torch.randn(1, 30, model.audio_dim)), 30)
    model(z, torch.tensor([0.5]), cond)[:, 10].abs().sum().backward()
    touched = (z.grad.abs().sum((0, 2)) > 0).nonzero().flatten()
    assert touched.max() == 10 + expected
    assert touched.min() == 10 - (blocks * 4 - expected)
