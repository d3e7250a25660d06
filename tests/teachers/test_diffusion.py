import pytest
import torch

from distill.types import Conditions
from teachers.diffusion.network import faded, overlapping, rotary_table, rotate
from tests.toys import toy_teacher


@pytest.mark.parametrize(("reach", "layers"), [(1, 2), (2, 1), (2, 2), (5, 1)])
def test_a_frame_depends_on_exactly_its_band(reach, layers):
    model = toy_teacher(reach_frames=reach, layers=layers, local_blocks=0).eval()
    z = torch.randn(1, 31, 55, requires_grad=True)
    cond = Conditions(audio=torch.randn(1, 31, model.audio_dim), mean=torch.zeros(1, 31, 55))
    model(z, torch.tensor([0.5]), cond)[:, 15].abs().sum().backward()
    touched = (z.grad.abs().sum((0, 2)) > 0).nonzero().flatten()
    assert touched.min() == 15 - reach * layers and touched.max() == 15 + reach * layers


def test_the_same_frames_later_in_a_clip_get_the_same_answer():
    model = toy_teacher(reach_frames=3, layers=1, local_blocks=0).eval().double()
    z, audio = torch.randn(1, 20, 55).double(), torch.randn(1, 20, model.audio_dim).double()
    t = torch.tensor([0.4]).double()
    mean = torch.zeros_like(z)
    whole = model(z, t, Conditions(audio=audio, mean=mean))
    late = model(z[:, 5:], t, Conditions(audio=audio[:, 5:], mean=mean[:, 5:]))
    torch.testing.assert_close(whole[:, 8:], late[:, 3:], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("frames", [3, 4, 21])
def test_windows_of_tokens_overlap_and_fade_back_into_their_frames(frames):
    h = torch.randn(2, frames, 3)
    windows = overlapping(h, 4)
    assert windows.shape[2] == 8 * 3
    assert faded(windows, 4, frames).shape == h.shape
    # Half a token at the start lies under one window alone.
    torch.testing.assert_close(faded(windows, 4, frames)[:, 2:], h[:, 2:])


def test_rotation_keeps_length_and_depends_on_distance_only():
    table = rotary_table(12, 8, torch.zeros(1).double())
    q, k = torch.randn(2, 1, 1, 1, 8).double().expand(2, 1, 1, 12, 8).unbind(0)
    q, k = rotate(q, table), rotate(k, table)
    torch.testing.assert_close(q.norm(dim=-1), q.norm(dim=-1)[..., :1].expand(1, 1, 12))
    scores = (q @ k.mT)[0, 0]
    for offset in range(-3, 4):
        diagonal = scores.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
