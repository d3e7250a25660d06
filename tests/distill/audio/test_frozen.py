import sys

import numpy as np
import pytest
import torch

from distill.audio.backbones import load_backbone
from distill.audio.cache import FeatureCache
from distill.audio.encoders import build_encoder
from distill.audio.frozen import interpolate
from distill.errors import UserError
from distill.types import Conditions

transformers = pytest.importorskip("transformers")
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
CLASSES = {
    "hubert": (transformers.HubertConfig, transformers.HubertModel),
    "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2Model),
    "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
}
OPTIONS = {"fps": 30, "width": 12, "blocks": 1}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backbones")
    for name, (config, model) in CLASSES.items():
        torch.manual_seed(1)
        model(config(**SMALL)).save_pretrained(folder / name)
    return folder


def speech(seconds, batch=1):
    return Conditions(audio=0.1 * torch.randn(batch, round(16000 * seconds)))


@pytest.mark.parametrize("name", CLASSES)
def test_a_local_checkpoint_gives_frames(checkpoints, name):
    encoder = build_encoder(name=name, path=checkpoints / name, **OPTIONS)
    assert encoder(speech(1.0, batch=2), 30).shape == (2, 30, 12)
    assert encoder.lookahead_frames is None


@pytest.mark.parametrize("name", CLASSES)
def test_the_backbone_stays_frozen_and_in_eval(checkpoints, name):
    encoder = build_encoder(name=name, path=checkpoints / name, **OPTIONS)
    torch.nn.Sequential(encoder).train()
    assert encoder.training and not encoder.backbone.training
    cond = speech(1.0)
    encoder(cond, 30).square().sum().backward()
    assert all(p.grad is None for p in encoder.backbone.parameters())
    assert encoder.project.weight.grad is not None
    assert torch.equal(encoder(cond, 30), encoder(cond, 30))


@pytest.mark.parametrize("name", CLASSES)
def test_an_artifact_is_rebuilt_without_the_checkpoint(checkpoints, name):
    encoder = build_encoder(name=name, path=checkpoints / name, **OPTIONS)
    again = build_encoder(name=name, backbone_config=encoder.backbone_config, **OPTIONS)
    again.load_state_dict(encoder.state_dict())
    cond = speech(0.5)
    torch.testing.assert_close(again(cond, 15), encoder(cond, 15))
    assert again.identity() == encoder.identity()
    assert str(checkpoints) not in str(encoder.backbone_config)


def test_given_features_replace_the_backbone(checkpoints):
    encoder = build_encoder(name="hubert", path=checkpoints / "hubert", **OPTIONS)
    cond = speech(1.0)
    given = Conditions(features=encoder.features(cond.audio, 30))
    torch.testing.assert_close(encoder(given, 30), encoder(cond, 30))


def test_tokens_are_read_at_frame_centres():
    tokens = torch.arange(10.0)[None, :, None]
    position = torch.tensor([-3.0, 0.25, 4.5, 20.0], dtype=torch.float64)
    assert interpolate(tokens, position).flatten().tolist() == [0.0, 0.25, 4.5, 9.0]


def test_a_token_and_the_frame_of_the_same_time_meet(checkpoints):
    encoder = build_encoder(name="hubert", path=checkpoints / "hubert", **OPTIONS)
    assert (encoder.stride_samples, encoder.field_samples) == (320, 400)
    # At 50 fps frame k is centred on sample 320 k + 160, token k on sample 320 k + 200.
    centres = torch.arange(5) * 320.0 + 160
    torch.testing.assert_close(encoder._position(centres), torch.arange(5) - 0.125)


def test_long_audio_is_encoded_in_pieces_without_seams(checkpoints, monkeypatch):
    encoder = build_encoder(name="hubert", path=checkpoints / "hubert", **OPTIONS)
    calls = []
    tokens = encoder._tokens

    def convolution_only(audio, needed):
        calls.append(audio.shape[1])
        padded = torch.nn.functional.pad(audio, (0, max(0, needed + 400 - audio.shape[1])))
        return padded.unfold(1, 400, 320).mean(-1, keepdim=True)

    assert tokens(torch.zeros(1, 1), 1).shape == (1, 1, 16)
    monkeypatch.setattr(encoder, "_tokens", convolution_only)
    ramp = torch.arange(16000 * 65, dtype=torch.float32)[None] / 16000
    features = encoder.features(ramp, 30 * 64)[0, :, 0]
    expected = (torch.arange(30 * 64) + 0.5) / 30
    assert max(calls) <= 16000 * 24.1
    assert (features - expected)[1:].abs().max() < 2e-3


def test_a_bounded_look_ahead_is_refused(checkpoints):
    with pytest.raises(UserError, match="attends to the whole clip"):
        build_encoder(name="hubert", path=checkpoints / "hubert", lookahead_frames=3, **OPTIONS)


def test_the_wrong_kind_of_checkpoint_is_refused(checkpoints):
    with pytest.raises(UserError, match="holds a wavlm model, not hubert"):
        load_backbone("hubert", checkpoints / "wavlm")


def test_weights_out_of_reach_say_how_to_get_them(tmp_path, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    for path in (None, "someone/hubert", tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=r"model.safetensors .*pass audio.path=FOLDER"):
            load_backbone("hubert", path)


def test_damaged_weights_are_refused(checkpoints, tmp_path):
    config = (checkpoints / "hubert" / "config.json").read_bytes()
    (tmp_path / "config.json").write_bytes(config)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_backbone("hubert", tmp_path)


def test_a_missing_extra_names_the_command(monkeypatch, checkpoints):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r'pip install "facedistill\[hf\]"'):
        load_backbone("hubert", checkpoints / "hubert")


def test_cached_features_are_the_encoders_own(checkpoints, tmp_path):
    encoder = build_encoder(name="wavlm", path=checkpoints / "wavlm", **OPTIONS)
    audio = speech(0.7).audio
    options = {"name": "wavlm", "path": checkpoints / "wavlm"}
    for source in (encoder, options):
        found = FeatureCache.of(tmp_path, source).features(audio[0].numpy(), 30)
        expected = encoder.features(audio, 21)[0].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
