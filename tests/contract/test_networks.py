"""One contract for every teacher and student: a YAML in its folder is enough to be tested."""

from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.pipeline.build import as_denoiser, build_denoiser
from distill.protocols import Denoiser, Generator
from distill.types import Conditions
from tests.toys import toy_student

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = [
    (group, path.stem)
    for group in ("teacher", "student")
    for path in sorted((CONFIGS / group).glob("*.yaml"))
]
LIMITS = {
    ("teacher", "big"): (15_000_000, 40_000_000),
    ("student", "tiny"): (0, 500_000),
    ("student", "small"): (0, 1_500_000),
    ("student", "medium"): (1_500_000, 6_000_000),
}
B, F, D, PERSONA = 2, 9, 55, 64
SAMPLES = F * 16_000 // 30


@pytest.fixture(scope="session")
def hubert_folder(tmp_path_factory) -> str:
    from transformers import HubertConfig, HubertModel

    folder = tmp_path_factory.mktemp("hubert")
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    HubertModel(config).save_pretrained(folder)
    return str(folder)


@cache
def network(group: str, name: str, hubert: str) -> Denoiser:
    overrides = [f"{group}={name}"]
    if name == "paper":
        overrides += [f"audio.path={hubert}"]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = OmegaConf.to_container(compose("run", overrides=overrides), resolve=False)
        section = OmegaConf.to_container(OmegaConf.create(config)[group], resolve=True)
    torch.manual_seed(0)
    space = MotionSpace.identity(load_rig("arkit"), 30.0)
    return as_denoiser(build_denoiser(section, space, PERSONA)).eval()


@pytest.fixture(params=NAMES, ids=lambda n: "-".join(n))
def named(request, hubert_folder):
    return request.param, network(*request.param, hubert_folder)


def raw_conditions():
    return Conditions(audio=0.1 * torch.randn(B, SAMPLES), persona=torch.randn(B, PERSONA))


def test_it_can_do_something(named):
    assert isinstance(named[1], Denoiser | Generator)


def test_size_is_what_its_description_promises(named):
    name, model = named
    low, high = LIMITS.get(name, (0, 400_000_000))
    assert low <= sum(p.numel() for p in model.parameters()) <= high


def test_prepared_conditions_have_the_declared_sizes(named):
    model = named[1]
    cond = model.prepare(raw_conditions(), F)
    assert cond.audio.shape == (B, F, model.audio_dim)
    assert cond.persona.shape == (B, model.persona_dim)


def test_shape_is_kept_and_every_parameter_is_used(named):
    model = named[1]
    z, t = torch.randn(B, F, D), torch.rand(B)
    full = model.prepare(raw_conditions(), F)
    history = Conditions(audio=full.audio, persona=full.persona, history=torch.randn(B, 4, D))
    out = model(z, t, history)
    assert out.shape == z.shape
    (out + model(z, t, Conditions())).sum().backward()
    frozen_or_used = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    model.zero_grad(set_to_none=True)
    assert not frozen_or_used


def test_audio_persona_step_and_noise_all_matter(named):
    model = named[1]
    z, t, cond = torch.randn(B, F, D), torch.full((B,), 0.5), model.prepare(raw_conditions(), F)
    with torch.no_grad():
        for parameter in model.out_modulation.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
        base = model(z, t, cond)
        for other in (
            model(z, t, cond.drop("audio")),
            model(z, t, cond.drop("persona")),
            model(z, t * 0.2, cond),
            model(z + 1, t, cond),
        ):
            assert (base - other).abs().max() > 1e-6


def test_keep_flags_equal_dropping(named):
    model = named[1]
    z, t, cond = torch.randn(B, F, D), torch.rand(B), model.prepare(raw_conditions(), F)
    nothing = Conditions(
        audio=cond.audio,
        persona=cond.persona,
        audio_keep=torch.zeros(B),
        persona_keep=torch.zeros(B),
    )
    with torch.no_grad():
        torch.testing.assert_close(model(z, t, nothing), model(z, t, Conditions()))


def test_samples_of_a_batch_do_not_see_each_other(named):
    model = named[1]
    z, t, raw = torch.randn(B, F, D), torch.rand(B), raw_conditions()
    with torch.no_grad():
        both = model(z, t, model.prepare(raw, F))
        one = Conditions(audio=raw.audio[1:], persona=raw.persona[1:])
        alone = model(z[1:], t[1:], model.prepare(one, F))
    torch.testing.assert_close(both[1:], alone, rtol=1e-4, atol=1e-5)


def test_state_round_trips_through_safetensors(named, tmp_path):
    model = named[1]
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "m.safetensors"
    )
    model.load_state_dict(load_file(tmp_path / "m.safetensors"), strict=True)


def test_the_noisy_mouth_is_not_seen(named):
    model, space = named[1], MotionSpace.identity(load_rig("arkit"), 30.0)
    z, t = torch.randn(B, F, D), torch.rand(B)
    cond = model.prepare(raw_conditions(), F)
    for group, seen in (("mouth", False), ("upper", True), ("head", True)):
        other = z.clone()
        other[..., space.groups[group]] += 1.0
        assert torch.equal(model(other, t, cond), model(z, t, cond)) != seen


def test_only_a_network_that_predicts_motion_may_have_channels_hidden():
    with pytest.raises(UserError, match="prediction=eps"):
        toy_student(hidden=[0, 1], prediction="eps")
