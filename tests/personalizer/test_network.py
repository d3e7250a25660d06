import pytest
import torch

from distill.errors import UserError
from personalizer.audio_contrastive import build
from personalizer.audio_contrastive.features import Correlogram, Loudness
from tests.personalizer.voices import RATE_HZ, speak


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build(speakers=4, emotions=3).eval()


def test_default_size_stays_under_four_hundred_thousand(model):
    assert sum(p.numel() for p in model.parameters()) <= 400_000


def test_embeddings_have_unit_length(model):
    identity, emotion = model.embed(torch.randn(3, 20_000))
    for z in (identity, emotion):
        torch.testing.assert_close(z.norm(dim=-1), torch.ones(3))


@pytest.mark.parametrize("samples", [1, 640, 641, 12_345])
def test_audio_beyond_the_valid_samples_has_no_influence(model, samples):
    audio = torch.randn(2, samples)
    padded = torch.cat([audio, 5 * torch.randn(2, 9_000)], dim=1)
    alone = model.embed(audio)
    together = model.embed(padded, torch.full((2,), samples))
    for one, two in zip(alone, together, strict=True):
        torch.testing.assert_close(one, two, atol=2e-5, rtol=1e-4)


def test_a_row_does_not_depend_on_its_batch(model):
    audio = torch.randn(3, 10_000)
    torch.testing.assert_close(model.embed(audio)[1][1:2], model.embed(audio[1:2])[1])


def test_silence_and_no_samples_at_all_are_finite(model):
    for z in model.embed(torch.zeros(2, 5_000), torch.tensor([5_000, 0])):
        assert z.isfinite().all()


def test_fusion_depends_on_both_and_is_not_symmetric(model):
    a, b, c = torch.randn(3, 1, 64).unbind()
    persona = model.fuse(a, b)
    assert (persona - model.fuse(c, b)).abs().max() > 1e-2
    assert (persona - model.fuse(a, c)).abs().max() > 1e-2
    assert (persona - model.fuse(b, a)).abs().max() > 1e-2


def test_an_exaggerated_identity_stays_exaggerated_after_fusion(model):
    a, b = torch.randn(2, 1, 64).unbind()
    base, once, twice = (model.fuse(k * a, b) for k in (0.0, 1.0, 2.0))
    assert (twice - base).norm() > 1.5 * (once - base).norm()


def test_loudness_is_absolute_and_counts_twenty_decibels_as_one():
    audio = 0.1 * torch.randn(1, 6_400)
    quiet, loud = Loudness()(0.1 * audio, 10), Loudness()(audio, 10)
    torch.testing.assert_close(loud - quiet, torch.ones_like(loud), atol=0.01, rtol=0)


@pytest.mark.parametrize("pitch_hz", [90.0, 140.0, 220.0])
def test_correlogram_peaks_at_the_pitch_even_without_its_fundamental(pitch_hz):
    t = torch.arange(RATE_HZ) / RATE_HZ
    audio = sum(torch.sin(2 * torch.pi * k * pitch_hz * t) for k in (2, 3, 4, 5))
    front = Correlogram()
    lags = front(0.1 * audio[None], 25)[0, 10].reshape(2, -1)
    grid = torch.logspace(1.778151, 2.653213, 48)
    found = grid[lags[0].argmax()].item()
    assert found == pytest.approx(pitch_hz, rel=0.05)
    assert lags.abs().max() <= 1.0 + 1e-4


def test_correlogram_hears_pitch_not_level():
    audio = torch.from_numpy(speak(0, 0, 1))[None]
    front = Correlogram()
    torch.testing.assert_close(front(audio, 20), front(0.5 * audio, 20), atol=0.05, rtol=0)
    assert front(torch.zeros(1, 6_400), 10).abs().max() == 0.0


def test_features_carry_no_gradient_so_training_never_enters_the_front_end(model):
    assert not model.features(torch.randn(1, 3_000, requires_grad=True), 5).requires_grad


@pytest.mark.parametrize("wrong", [{"speakers": 0}, {"emotions": 0}, {"embed_dim": 63}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(UserError):
        build(**{"speakers": 4, "emotions": 3, **wrong})
