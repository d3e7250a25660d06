import pytest
import torch

from distill.diffusion.filters import causal_kernels, smoothed
from distill.diffusion.sampling import unrolled_sample
from distill.diffusion.schedule import step_grid
from distill.engines.eager import Streaming
from distill.errors import UserError
from distill.face.parts import motion_parts
from distill.face.rigs import load_rig
from distill.types import Conditions
from students.stream import build
from students.stream.memory import smooth_step

D, E, STEPS = 7, 6, 2
GRID = step_grid(STEPS)


def network(lookahead_ms=80, block_frames=1, **changes):
    torch.manual_seed(0)
    options = {
        "width": 12, "blocks": 2, "kernel": 4, "expansion": 2, "head_blocks": 2, "head_kernel": 5,
        "block_frames": block_frames, "lookahead_ms": lookahead_ms, "fps": 30.0, "motion_dim": D,
        "cond_dim": 8, "persona_in": E, "smoothing": [0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 0.0],
        "audio": {"name": "mel", "width": 12, "blocks": 2, "per_frame": 2},
    }  # fmt: skip
    model = build(**options | changes).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def offline(model, audio, raw, noise):
    cond = model.prepare(Conditions(audio=audio, persona=raw), noise.shape[1])
    return unrolled_sample(model, noise, cond, GRID, rows=len(noise))


@torch.no_grad()
def streamed(model, audio, raw, noise):
    """What `Streaming` makes, `block_frames` at a time; noise of frames before the first is any."""
    size, early, mel = model.block_frames, model.early_frames, model.encoder.mel
    streaming = Streaming(model, GRID, *torch.tensor([[0.0], [1.0]]).double().expand(2, D))
    windows = mel.windows(audio, noise.shape[1] + max(model.shift_frames, 0))
    before = (early - model.shift_frames) * mel.per_frame
    windows = torch.cat([windows.new_zeros(len(audio), before, windows.shape[-1]), windows], 1)
    begun = memory = model.initial_state(len(audio), STEPS)
    made = []
    for first in range(-early, noise.shape[1], size):
        z = noise[:, first : first + size] if first >= 0 else torch.randn(len(audio), size, D)
        at = slice((first + early) * mel.per_frame, (first + early + size) * mel.per_frame)
        heard, steps = list(memory[:-STEPS]), list(memory[-STEPS:])
        motion, *memory = streaming(windows[:, at], z.double(), heard, steps, raw)
        assert [m.shape for m in memory] == [m.shape for m in begun]
        if first < 0:
            memory = [*memory[:-STEPS], *begun[-STEPS:]]
        else:
            made.append(motion)
    return torch.cat(made, 1)


@pytest.mark.parametrize("lookahead_ms", [0, 40, 80, 160])
@pytest.mark.parametrize("block_frames", [1, 2, 3, 8])
def test_a_stream_is_the_same_function_as_one_pass_over_the_clip(lookahead_ms, block_frames):
    model = network(lookahead_ms, block_frames)
    audio, raw = 0.1 * torch.randn(2, 9000).double(), torch.randn(2, E).double()
    noise = torch.randn(2, 24, D).double()
    found = streamed(model, audio, raw, noise)
    torch.testing.assert_close(found, offline(model, audio, raw, noise), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "options",
    [
        {"prediction": "v"},
        {"prediction": "eps", "smoothing": None},
        {"prediction": "x0", "hidden": (1,)},
        {"any_span": True},
        {"smoothing": None, "hidden": (2,), "deviation": [0.1] * D},
    ],
    ids=str,
)
def test_so_is_a_stream_of_every_kind_of_prediction(options):
    model = network(**options)
    audio, noise = 0.1 * torch.randn(1, 9000).double(), torch.randn(1, 16, D).double()
    found = streamed(model, audio, None, noise)
    torch.testing.assert_close(found, offline(model, audio, None, noise), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("lookahead_ms", "shift"), [(0, -2), (40, 0), (80, 1), (160, 3)])
def test_nothing_beyond_the_look_ahead_reaches_a_frame(lookahead_ms, shift):
    model = network(lookahead_ms)
    assert model.shift_frames == shift
    audio = (0.1 * torch.randn(1, 16000).double()).requires_grad_()
    frame, noise = 12, torch.randn(1, 30, D).double()
    offline(model, audio, None, noise)[0, frame].sum().backward()
    last = int(audio.grad[0].nonzero().max())
    assert last <= (frame / 30 + lookahead_ms / 1000) * 16000
    assert last > (frame / 30 + lookahead_ms / 1000 - 1 / 30) * 16000 - 16


def test_no_frame_depends_on_later_noise():
    model, frame = network(), 12
    audio = 0.1 * torch.randn(1, 9000).double()
    noise = torch.randn(1, 16, D).double().requires_grad_()
    offline(model, audio, None, noise)[0, frame].sum().backward()
    assert noise.grad[0].abs().sum(1).nonzero().max() == frame


def test_smoothing_frame_by_frame_is_smoothing_the_whole():
    kernels = causal_kernels(torch.tensor([0.3, 1.0, 2.0])).double()
    x, past = torch.randn(2, 20, 3).double(), torch.zeros(2, len(kernels), 3).double()
    found = []
    for part in x.split([1, 1, 3, 8, 7], 1):
        out, past = smooth_step(part, kernels, past)
        found.append(out)
    expected = smoothed(x, kernels, causal=True)
    torch.testing.assert_close(torch.cat(found, 1), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_two_noises_differ_in_every_part_of_the_face():
    channels = load_rig("arkit").channels
    model = network(motion_dim=len(channels), smoothing=[1.0] * len(channels)).float()
    audio, noise = 0.1 * torch.randn(1, 16000).expand(2, -1), torch.randn(2, 30, len(channels))
    made = offline(model, audio, None, noise)
    for part, index in motion_parts(channels).items():
        assert (made[0, :, index] - made[1, :, index]).abs().max() > 1e-2, part


def test_what_is_kept_while_distilling_is_all_that_noise_does_not_reach():
    model = network()
    model.learn("trunk")
    raw = Conditions(audio=0.1 * torch.randn(1, 4000).double(), persona=torch.randn(1, E).double())
    cond = model.prepare(raw, 7)
    assert not any(v.requires_grad for v in (cond.audio, cond.persona, cond.mean))
    model(torch.randn(1, 7, D).double(), torch.rand(1).double(), cond).sum().backward()
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert learning == {name for name, p in model.named_parameters() if p.grad is not None}
    assert any(name.startswith("head.") for name in learning)


def test_sizes_that_cannot_stream_are_refused():
    with pytest.raises(UserError, match="block_frames=9"):
        network(block_frames=9)
    with pytest.raises(UserError, match=r"use audio\.name=mel and audio\.width=12"):
        network(audio={"name": "mel", "width": 8, "blocks": 1})
    with pytest.raises(UserError, match="lookahead_ms=-1"):
        network(lookahead_ms=-1)
