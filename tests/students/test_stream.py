import pytest
import torch

from distill.diffusion.sampling import block_sample
from distill.diffusion.schedule import step_grid
from distill.types import Conditions
from students.stream import build

D, E = 7, 6


def network(lookahead_ms=80, block_frames=1, **changes):
    torch.manual_seed(0)
    options = {
        "width": 12, "blocks": 2, "kernel": 4, "expansion": 2, "head_blocks": 2,
        "block_frames": block_frames, "history_frames": 5, "lookahead_ms": lookahead_ms,
        "fps": 30.0, "motion_dim": D, "cond_dim": 8, "persona_in": E, "hidden": (0, 1),
        "audio": {"name": "mel", "width": 12, "blocks": 2, "per_frame": 2},
    }  # fmt: skip
    model = build(**options | changes).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def listened(model, audio, persona, frames):
    """What `listen` gives, `block_frames` at a time, with silence before where motion waits."""
    size, shift = model.block_frames, model.shift_frames
    mel = model.encoder.mel
    count = -(-(frames + max(shift, 0)) // size) * size
    windows = mel.windows(audio, count)
    silence = windows.new_zeros(len(audio), max(-shift, 0) * mel.per_frame, windows.shape[-1])
    windows = torch.cat([silence, windows], 1)
    state, found = model.initial_state(len(audio)), []
    for part in windows.split(size * mel.per_frame, 1):
        if part.shape[1] == size * mel.per_frame:
            features, state = model.listen(part, persona, state)
            found.append(features)
    return torch.cat(found, 1)[:, max(shift, 0) :][:, :frames]


@pytest.mark.parametrize("lookahead_ms", [0, 40, 80, 160])
@pytest.mark.parametrize("block_frames", [1, 2])
def test_listening_piece_by_piece_is_hearing_the_whole(lookahead_ms, block_frames):
    model = network(lookahead_ms, block_frames)
    audio, raw = 0.1 * torch.randn(2, 9000).double(), torch.randn(2, E).double()
    whole = model.prepare(Conditions(audio=audio, persona=raw), 16)
    found = listened(model, audio, whole.persona, 16)
    torch.testing.assert_close(found, whole.audio, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("lookahead_ms", "shift"), [(0, -2), (40, 0), (80, 1), (160, 3)])
def test_nothing_beyond_the_look_ahead_reaches_a_frame(lookahead_ms, shift):
    model = network(lookahead_ms)
    assert model.shift_frames == shift
    audio = (0.1 * torch.randn(1, 16000).double()).requires_grad_()
    frame = 12
    model.prepare(Conditions(audio=audio), 30).audio[0, frame].sum().backward()
    last = int(audio.grad[0].nonzero().max())
    assert last <= (frame / 30 + lookahead_ms / 1000) * 16000
    assert last > (frame / 30 + lookahead_ms / 1000 - 1 / 30) * 16000 - 16


def test_a_block_is_denoised_alone_as_in_the_whole():
    model = network(block_frames=2)
    z, history = torch.randn(3, 8, D).double(), torch.randn(3, 5 + 6, D).double()
    t, features = torch.rand(3).double(), torch.randn(3, 8, 12).double()
    whole = model(z, t, Conditions(audio=features, history=history))
    for block in range(4):
        at = slice(2 * block, 2 * block + 2)
        past = history[:, 2 * block : 2 * block + 5]
        alone = model(z[:, at], t, Conditions(audio=features[:, at], history=past))
        torch.testing.assert_close(alone, whole[:, at], rtol=0, atol=1e-12)


def test_sampling_looks_back_at_its_own_motion():
    model = network(block_frames=2)
    features, noise = torch.randn(1, 9, 12).double(), torch.randn(1, 9, D).double()
    cond = Conditions(audio=features)
    motion = block_sample(model, noise, cond, step_grid(2))
    assert motion.shape == (1, 9, D)
    changed = noise.clone()
    changed[:, 2, 3] += 1.0
    other = block_sample(model, changed, cond, step_grid(2))
    torch.testing.assert_close(other[:, :2], motion[:, :2], rtol=0, atol=0)
    assert (other[:, 4:] - motion[:, 4:]).abs().max() > 1e-6
