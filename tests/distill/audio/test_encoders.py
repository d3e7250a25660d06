import pytest
import torch

from distill.audio.encoders import MelEncoder, build_encoder, split_lookahead
from distill.audio.mel import LogMel
from distill.errors import UserError
from distill.types import Conditions


def reach(encoder, frame, frames=40):
    """Return the first and last log-mel frames that feature `frame` depends on."""
    mels = torch.randn(1, frames, encoder.mel.out_dim, requires_grad=True)
    out = encoder(Conditions(features=mels), frames)
    out[0, frame].square().sum().backward()
    seen = mels.grad[0].abs().sum(1).nonzero()
    return int(seen.min()), int(seen.max())


@pytest.mark.parametrize("lookahead", [None, 0, 1, 5, 7, 18])
def test_look_ahead_is_exactly_what_it_says(lookahead):
    encoder = build_encoder(name="mel", fps=30, width=16, blocks=3, lookahead_frames=lookahead)
    assert encoder.lookahead_frames == (9 if lookahead is None else lookahead)
    first, last = reach(encoder, 20)
    assert last == 20 + encoder.lookahead_frames
    assert first == 20 - encoder.lookback_frames


@pytest.mark.parametrize("lookahead", [0, 4])
def test_no_gradient_from_audio_beyond_the_look_ahead(lookahead):
    encoder = MelEncoder(fps=25, width=8, blocks=2, lookahead_frames=lookahead)
    audio = (0.1 * torch.randn(1, 32000)).requires_grad_()
    encoder(Conditions(audio=audio), 50)[0, 20].square().sum().backward()
    end = (21 + lookahead) * 640
    heard = int(audio.grad[0].nonzero().max())
    assert end <= heard < end + 200


@pytest.mark.parametrize(
    ("total", "layers", "shares"),
    [(0, 3, [0, 0, 0]), (5, 3, [1, 2, 2]), (18, 3, [6, 6, 6]), (None, 2, [3, 3]), (0, 0, [])],
)
def test_look_ahead_is_shared_among_the_layers(total, layers, shares):
    assert split_lookahead(total, layers, 7) == shares


@pytest.mark.parametrize("total", [-1, 13])
def test_a_look_ahead_the_layers_cannot_keep_is_refused(total):
    with pytest.raises(UserError, match="outside 0 to 12"):
        split_lookahead(total, 2, 7)


def test_shared_log_mels_give_the_same_features_as_audio():
    encoder = MelEncoder(fps=30, width=16, blocks=1)
    audio = 0.1 * torch.randn(2, 16000)
    mels = LogMel(30)(audio, 30)
    from_audio = encoder(Conditions(audio=audio), 30)
    assert torch.equal(from_audio, encoder(Conditions(features=mels), 30))
    foreign = Conditions(audio=audio, features=torch.randn(2, 30, 768))
    assert torch.equal(from_audio, encoder(foreign, 30))


def test_every_parameter_learns():
    encoder = MelEncoder(fps=30, width=16, blocks=2)
    out = encoder(Conditions(audio=0.1 * torch.randn(2, 16000)), 30)
    assert out.shape == (2, 30, encoder.out_dim)
    (out * torch.randn_like(out)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_features_survive_autocast():
    encoder = MelEncoder(fps=30, width=32, blocks=2)
    cond = Conditions(audio=0.1 * torch.randn(1, 16000))
    exact = encoder(cond, 30)
    with torch.autocast("cpu", torch.bfloat16):
        cast = encoder(cond, 30)
    assert (cast.float() - exact).abs().mean() < 0.05


def test_an_unknown_encoder_names_the_nearest():
    with pytest.raises(UserError, match="did you mean hubert"):
        build_encoder(name="hubrt", fps=30, width=8, blocks=1)
