"""One contract for every teacher and student: a YAML in its folder is enough to be tested."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from distill.diffusion.filters import colored
from distill.diffusion.sampling import ddim_sample
from distill.diffusion.schedule import step_grid
from distill.errors import UserError
from distill.face.flame import flame_channels
from distill.face.names import ARKIT_CHANNELS, LANDMARK_CHANNELS
from distill.face.parts import motion_parts
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.pipeline.build import as_denoiser, build_denoiser
from distill.protocols import Denoiser, Generator
from distill.types import Conditions
from tests.toys import toy_batch, toy_student

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
RIGS = {
    "arkit": ARKIT_CHANNELS,
    "flame": flame_channels(50),
    "ict": ARKIT_CHANNELS,
    "landmarks": LANDMARK_CHANNELS,
    "mesh": ARKIT_CHANNELS,
    "vertices": tuple(f"component{i:03d}" for i in range(24)),
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
def section(group: str, name: str, hubert: str) -> dict:
    overrides = [f"{group}={name}"]
    if name == "paper":
        overrides += [f"audio.path={hubert}"]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = OmegaConf.to_container(compose("run", overrides=overrides), resolve=False)
        return OmegaConf.to_container(OmegaConf.create(config)[group], resolve=True)


def space_of(name: str) -> MotionSpace:
    """A space of a rig's channels, with noise as slow as a face; networks ask for no more of it."""
    count = len(RIGS[name])
    taps = 0.3 * (0.8 ** torch.arange(16.0))[:, None].expand(-1, count)
    rig = replace(load_rig("landmarks"), name=name, channels=RIGS[name])
    return MotionSpace(rig, 30.0, torch.zeros(count), torch.ones(count), taps)


@cache
def network(group: str, name: str, hubert: str) -> Denoiser:
    torch.manual_seed(0)
    space = MotionSpace.identity(load_rig("arkit"), 30.0)
    return as_denoiser(build_denoiser(section(group, name, hubert), space, PERSONA)).eval()


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
    out = model(z, t, full)
    assert out.shape == z.shape
    nothing = model.prepare(Conditions(), F)
    (out + model(z, t, nothing) + full.mean + nothing.mean).sum().backward()
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
    z, t, raw = torch.randn(B, F, D), torch.rand(B), raw_conditions()
    nothing = replace(raw, audio_keep=torch.zeros(B), persona_keep=torch.zeros(B))
    with torch.no_grad():
        dropped = model(z, t, model.prepare(nothing, F))
        absent = model(z, t, model.prepare(Conditions(), F).rows(B))
    torch.testing.assert_close(dropped, absent)


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


@pytest.mark.parametrize("rig", RIGS)
@pytest.mark.parametrize("name", NAMES, ids=lambda n: "-".join(n))
def test_two_seeds_differ_in_every_part_of_every_rig(name, rig, hubert_folder):
    space = space_of(rig)
    with torch.no_grad():
        model = as_denoiser(build_denoiser(section(*name, hubert_folder), space, PERSONA)).eval()
        seeds = colored(torch.randn(2, 40 + len(space.noise) - 1, space.motion_dim), space.noise)
        raw = Conditions(
            audio=0.1 * torch.randn(1, 40 * SAMPLES // F), persona=torch.randn(1, PERSONA)
        )
        first, second = ddim_sample(model, seeds, model.prepare(raw, 40).rows(2), step_grid(2))
    apart = ((first - second) / space.noise_deviation).square().mean(0).sqrt()
    for part, channels in motion_parts(space.channels).items():
        assert apart[channels].min() > 0.1, part


def test_every_rig_has_a_contract():
    assert set(RIGS) == {path.stem for path in (CONFIGS / "rig").glob("*.yaml")}


def test_a_network_that_no_noise_reaches_is_refused():
    with pytest.raises(UserError, match="no diffusion to distil"):
        toy_student(hidden=list(range(55)))


def test_hidden_channels_follow_sound_alone_and_the_others_follow_the_noise():
    model = toy_student(hidden=list(range(14, 41))).eval()
    batch = toy_batch(2, frames=F)
    cond = model.prepare(batch.cond, F)
    z, t = torch.randn(2, B, F, D).unbind(0), torch.rand(B)
    with torch.no_grad():
        apart = (model(z[0], t, cond) - model(z[1], t, cond)).abs().amax((0, 1))
        same_noise = z[1].clone()
        same_noise[..., 14:41] = z[0][..., 14:41]
        unseen = model(z[1], t, cond) - model(same_noise, t, cond)
    assert apart[:14].min() > 1e-3 and apart[41:].min() > 1e-3
    assert not unseen.any()


def test_only_a_network_that_predicts_motion_may_have_channels_hidden():
    with pytest.raises(UserError, match="prediction=eps"):
        toy_student(hidden=[0, 1], prediction="eps")
