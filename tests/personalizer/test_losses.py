import math

import pytest
import torch
from torch.nn.functional import normalize

from distill.data.corpus import joint_labels
from personalizer.losses import (
    Temperature,
    bank_info_nce,
    nearest,
    sup_con,
)


def test_sup_con_of_two_tight_classes_has_its_closed_form():
    z = torch.eye(2).repeat_interleave(2, dim=0)
    loss = sup_con(z, torch.tensor([0, 0, 1, 1]), 0.5)
    assert loss.item() == pytest.approx(math.log(1 + 2 * math.exp(-2)), abs=1e-6)


def test_autocast_changes_no_similarity():
    z, bank, labels = torch.randn(6, 8), torch.randn(3, 8), torch.tensor([0, 0, 1, 1, 2, 2])
    exact = sup_con(z, labels, 0.1), bank_info_nce(z, bank, labels, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        found = sup_con(z, labels, 0.1), bank_info_nce(z, bank, labels, 0.1)
    torch.testing.assert_close(found, exact, rtol=0, atol=0)


def test_sup_con_averages_over_the_positives_outside_the_logarithm():
    angles = torch.tensor([0.0, 0.4, 1.1, 2.0], dtype=torch.float64)
    z = torch.stack([angles.cos(), angles.sin()], dim=1).float()
    tau, labels = 0.3, [5, 5, 5, 9]
    s = torch.cos(angles[:, None] - angles[None, :]) / tau
    expected = []
    for i in range(3):
        below = math.log(sum(math.exp(s[i, a]) for a in range(4) if a != i))
        terms = [below - s[i, p].item() for p in range(3) if p != i]
        expected.append(sum(terms) / len(terms))
    loss = sup_con(z, torch.tensor(labels), tau)
    assert loss.item() == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_sup_con_is_blind_to_order_and_scale():
    z, labels = torch.randn(12, 8), torch.arange(12) % 4
    order = torch.randperm(12)
    loss = sup_con(z, labels, 0.2)
    scaled = z * torch.rand(12, 1).add(0.1)
    torch.testing.assert_close(sup_con(z[order], labels[order], 0.2), loss)
    torch.testing.assert_close(sup_con(scaled, labels, 0.2), loss)


def test_unknown_samples_take_no_part_at_all():
    z, labels = torch.randn(8, 8), torch.tensor([0, 0, 1, 1, -1, -1, 2, 2])
    known = labels >= 0
    torch.testing.assert_close(sup_con(z, labels, 0.2), sup_con(z[known], labels[known], 0.2))
    bank = torch.randn(3, 8)
    torch.testing.assert_close(
        bank_info_nce(z, bank, labels, 0.2), bank_info_nce(z[known], bank, labels[known], 0.2)
    )


def test_anchors_without_a_positive_are_ignored_yet_remain_negatives():
    z = normalize(torch.randn(3, 8), dim=-1)
    s = z @ z.T / 0.2
    rows = [torch.logsumexp(s[i, [1 - i, 2]], 0) - s[i, 1 - i] for i in range(2)]
    loss = sup_con(z, torch.tensor([0, 0, 1]), 0.2)
    torch.testing.assert_close(loss, torch.stack(rows).mean())


@pytest.mark.parametrize("labels", [[0, 1, 2], [-1, -1, -1]])
def test_no_positive_anywhere_gives_zero_loss_and_zero_gradient(labels):
    z = torch.randn(3, 8, requires_grad=True)
    loss = sup_con(z, torch.tensor(labels), 0.2)
    loss.backward()
    assert loss.item() == 0.0
    assert z.grad is not None and z.grad.abs().max() == 0.0
    unknown = torch.full((3,), -1)
    assert bank_info_nce(torch.randn(3, 8), torch.randn(4, 8), unknown, 0.2).item() == 0.0


def test_a_step_down_the_gradient_joins_positives_and_parts_negatives():
    z = normalize(torch.randn(6, 16), dim=-1).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    (slope,) = torch.autograd.grad(sup_con(z, labels, 0.5), z)
    before = z @ z.T
    moved = normalize(z - 0.1 * slope, dim=-1)
    change = moved @ moved.T - before
    same = (labels[:, None] == labels) & ~torch.eye(6, dtype=torch.bool)
    assert change[same].mean() > 0 > change[labels[:, None] != labels].mean()


def test_bank_loss_of_orthogonal_entries_has_its_closed_form():
    loss = bank_info_nce(7 * torch.eye(4), 3 * torch.eye(4), torch.arange(4), 0.25)
    assert loss.item() == pytest.approx(math.log(1 + 3 * math.exp(-4)), abs=1e-6)


def test_nearest_goes_by_angle_not_by_length():
    bank = torch.tensor([[1.0, 0.0], [10.0, 10.0]])
    assert nearest(torch.tensor([[5.0, 1.0], [0.1, 0.1]]), bank).tolist() == [0, 1]


def test_joint_labels_are_one_to_one_and_unknown_when_either_is():
    speaker, emotion = torch.arange(4).repeat_interleave(3), torch.arange(3).repeat(4)
    assert joint_labels(speaker, emotion, 3).unique().numel() == 12
    half = joint_labels(torch.tensor([-1, 2, -1]), torch.tensor([1, -1, -1]), 3)
    assert half.tolist() == [-1, -1, -1]


def test_temperature_starts_where_told_and_never_leaves_its_limits():
    tau = Temperature(0.1, low=0.02, high=1.0)
    assert tau().item() == pytest.approx(0.1, abs=1e-6)
    for raw in (-100.0, 100.0):
        tau.raw.data.fill_(raw)
        assert 0.02 - 1e-6 <= tau().item() <= 1.0 + 1e-6
    with pytest.raises(ValueError):
        Temperature(2.0)
