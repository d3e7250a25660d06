import copy

import pytest
import torch
from torch import nn

from distill.artifact import build_family
from distill.errors import UserError
from distill.training.optim import MuonAdamW, configure, parameter_groups, rate_at

TINY = {
    "motion_dim": 3,
    "fps": 30.0,
    "width": 8,
    "layers": 1,
    "heads": 2,
    "expansion": 2,
    "reach_frames": 4,
    "patch": 2,
    "cond_dim": 8,
    "persona_in": 4,
    "audio": {"name": "mel", "width": 8, "blocks": 1},
}


def test_rate_at_its_landmarks():
    shape = {"updates": 100, "warmup": 9}
    assert rate_at(0, **shape) == pytest.approx(0.1, abs=1e-3)
    assert rate_at(50, **shape) == pytest.approx(0.5)
    assert rate_at(100, **shape) == rate_at(10_000, **shape) == pytest.approx(0.0)
    rates = [rate_at(update, **shape) for update in range(101)]
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)


def test_stages_in_a_row_decay_along_one_cosine():
    first = [rate_at(u, updates=60, warmup=0, after=40) for u in range(60)]
    second = [rate_at(u, updates=40, warmup=0, before=60) for u in range(40)]
    assert first + second == [rate_at(u, updates=100, warmup=0) for u in range(100)]


def test_no_warmup_starts_at_the_top():
    assert rate_at(0, updates=10, warmup=0) == 1.0


def test_the_optimizer_uses_the_rate_of_each_update():
    model = nn.Linear(2, 2)
    made = configure(model, lr=0.5, weight_decay=0.0, updates=10, warmup=4)
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["interval"] == "step"
    for update in range(10):
        expected = 0.5 * rate_at(update, updates=10, warmup=4)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        schedule.step()


def test_a_parameter_that_is_used_late_has_moments_from_the_start_and_learns_as_ever():
    def after_three(make):
        torch.manual_seed(0)
        model = nn.ModuleDict({"used": nn.Linear(2, 2), "late": nn.Linear(2, 2)})
        optimizer = make(model)
        saved = []
        for update in range(3):
            saved.append(len(optimizer.state_dict()["state"]))
            used = model["used"](torch.ones(1, 2))
            (used if update < 2 else model["late"](used)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        assert saved[0] == (4 if make is ours else 0)
        return optimizer, model

    def ours(model):
        options = {"lr": 0.1, "weight_decay": 0.0, "updates": 10**9, "warmup": 0}
        return configure(model, **options)["optimizer"]

    def plain(model):
        return torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.0, fused=True)

    (found, model), (expected, other) = after_three(ours), after_three(plain)
    for key, value in other.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], value, rtol=1e-6, atol=1e-7)
    for one, two in zip(found.state.values(), expected.state.values(), strict=True):
        assert one.keys() == two.keys() and all(one[k].dtype == two[k].dtype for k in two)


class _Everything(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.norm = nn.LayerNorm((2, 3))
        self.table = nn.Embedding(4, 3)
        self.position = nn.Parameter(torch.zeros(5, 3))
        self.mixing = nn.Parameter(torch.zeros(3, 3))
        self.frozen = nn.Linear(3, 3).requires_grad_(False)
        self.tied = self.linear


def test_only_matrices_are_decayed_and_frozen_parameters_left_out():
    model = _Everything()
    decayed, rest = parameter_groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1 and rest["weight_decay"] == 0.0
    assert {id(p) for p in decayed["params"]} == {id(model.linear.weight), id(model.mixing)}
    assert len(decayed["params"]) == 2 and len(rest["params"]) == 5


def test_a_list_of_parameters_is_split_by_axes():
    linear = nn.Linear(3, 3)
    decayed, rest = parameter_groups(linear.parameters(), 0.1)
    assert decayed["params"] == [linear.weight] and rest["params"] == [linear.bias]


def test_impossible_requests_are_refused():
    with pytest.raises(UserError, match="warm-up of 20"):
        configure(nn.Linear(1, 1), lr=1.0, weight_decay=0.0, updates=20, warmup=20)
    with pytest.raises(UserError, match="frozen"):
        frozen = nn.Linear(1, 1).requires_grad_(False)
        configure(frozen, lr=1.0, weight_decay=0.0, updates=20, warmup=2)


def test_matrices_inside_blocks_are_marked_for_muon_and_no_others():
    model = build_family("teachers.diffusion", TINY)
    names = {id(p): name for name, p in model.named_parameters()}
    marked = {names[id(p)] for g in parameter_groups(model, 0.1) if g["muon"] for p in g["params"]}
    assert {"encoder.blocks.0.expand.weight", "mean.blocks.1.up.weight"} <= marked
    assert {"before.0.down.weight", "blocks.0.qkv.weight"} <= marked
    outside = ("motion_in", "out", "step", "persona", "project", "conv", "mix")
    assert not [name for name in marked if set(name.split(".")) & set(outside)]


def test_muon_and_adamw_update_as_they_do_alone_and_go_on_from_a_checkpoint():
    def step(module, optimizer):
        module.zero_grad()
        module(torch.linspace(-1, 1, 8).reshape(2, 4)).square().sum().backward()
        optimizer.step()

    def block():
        torch.manual_seed(0)
        return nn.ModuleList([nn.Sequential(nn.Linear(4, 4))])

    def ours(module):
        groups = parameter_groups(module, 0.1)
        return MuonAdamW(groups, lr=0.1, betas=(0.9, 0.999))

    blocks, alone = block(), block()
    optimizer = ours(blocks)
    muon = torch.optim.Muon(
        [alone[0][0].weight], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW([alone[0][0].bias], lr=0.1, weight_decay=0.0)
    for _ in range(2):
        step(blocks[0], optimizer)
        alone.zero_grad()
        alone[0](torch.linspace(-1, 1, 8).reshape(2, 4)).square().sum().backward()
        muon.step()
        adamw.step()
    torch.testing.assert_close(blocks.state_dict(), alone.state_dict())
    other = block()
    other.load_state_dict(blocks.state_dict())
    resumed = ours(other)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for module, used in ((blocks, optimizer), (other, resumed)):
        step(module[0], used)
    torch.testing.assert_close(other.state_dict(), blocks.state_dict())
