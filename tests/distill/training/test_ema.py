import copy

import pytest
import torch
from torch import nn

from distill.errors import UserError
from distill.training.ema import Average, averaged_tensors
from distill.training.fit import fit
from tests.distill.training.toy import Toy, toy_data


def test_constant_weights_are_a_fixed_point_bit_for_bit():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = copy.deepcopy(model.state_dict())
    average = Average(0.99)
    average.attach(model)
    for _ in range(50):
        average.update(model)
    average.copy_to(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_linear_drift_lags_by_the_closed_form():
    """For w_n = n and a constant decay d, a_n = n - d/(1-d) (1 - d^n)."""
    decay, updates = 0.1, 40
    model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    model.weight.data.zero_()
    average = Average(decay)
    average.attach(model)
    for n in range(1, updates + 1):
        model.weight.data.fill_(n)
        average.update(model)
    expected = updates - decay / (1 - decay) * (1 - decay**updates)
    assert average.tensors["weight"].item() == pytest.approx(expected, abs=1e-12)


def test_decay_warms_up_and_is_capped():
    average = Average(0.9)
    assert average.decay_at(0) == pytest.approx(0.1)
    assert average.decay_at(8) == pytest.approx(0.5)
    assert average.decay_at(10_000) == 0.9


def test_follows_trainable_parameters_and_float_buffers_only():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model[0].weight.requires_grad_(False)
    assert set(averaged_tensors(model)) == {
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
    }


def test_swap_shows_the_average_and_gives_the_weights_back():
    model = nn.Linear(2, 2)
    average = Average()
    average.attach(model)
    averaged = model.weight.detach().clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    own, identity = model.weight.detach().clone(), model.weight
    with average.swap(model):
        assert torch.equal(model.weight, averaged)
    assert torch.equal(model.weight, own) and model.weight is identity
    assert torch.equal(average.tensors["weight"], averaged)


def test_the_average_of_another_network_is_refused():
    average = Average()
    average.tensors = {"elsewhere": torch.zeros(1)}
    with pytest.raises(UserError, match="another network"):
        average.attach(nn.Linear(2, 2))


class _Spy(Toy):
    """Notes the weights that training and validation see."""

    def __init__(self, updates: int):
        super().__init__(updates)
        self.trained: list[torch.Tensor] = []
        self.validated: list[torch.Tensor] = []

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.trained.append(self.model[0].weight.detach().clone())

    def validation_step(self, batch, batch_idx):
        self.validated.append(self.model[0].weight.detach().clone())


def test_training_validates_and_ends_with_the_average_of_its_weights(tmp_path):
    module = _Spy(6)
    expected = module.model[0].weight.detach().clone()
    fit(module, toy_data(), folder=tmp_path, updates=6, ema="model", validate_every_updates=3)
    seen = []
    for n, weight in enumerate(module.trained):
        decay = min(0.999, (1 + n) / (10 + n))
        expected = expected.lerp(weight, 1 - decay)
        seen.append(expected)
    torch.testing.assert_close(module.validated[0], seen[2])
    torch.testing.assert_close(module.validated[1], seen[5])
    torch.testing.assert_close(module.model[0].weight.detach(), seen[5])
    assert not torch.equal(module.trained[5], seen[5])
