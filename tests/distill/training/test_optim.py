import pytest
import torch
from torch import nn

from distill.errors import UserError
from distill.training.optim import configure, parameter_groups, rate_at


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
