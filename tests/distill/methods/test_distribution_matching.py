import pytest
import torch

from distill.diffusion.sampling import ddim_sample, predict_x0
from distill.diffusion.schedule import step_grid
from distill.methods.distribution_matching.targets import matching_target, own_input
from distill.training.denoising import noised
from distill.types import Conditions
from tests.worlds import Gaussian, Wavy

NONE = Conditions()


def target_of(made, real, fake, seed=0):
    rng = torch.Generator().manual_seed(seed)
    t = 0.02 + 0.96 * torch.rand(len(made), generator=rng).to(made)
    z = noised(real, made, t, torch.randn(made.shape, generator=rng).to(made))
    mask = torch.ones(made.shape[:2], dtype=torch.bool)
    return matching_target(made, predict_x0(real, z, t, NONE), predict_x0(fake, z, t, NONE), mask)


def test_where_both_scores_agree_motion_is_its_own_target():
    made = torch.randn(6, 5, 3)
    assert torch.equal(target_of(made, Wavy(), Wavy()), made)


@pytest.mark.parametrize(("fake_mean", "sign"), [(1.7, -1), (-0.3, 1)])
def test_motion_is_moved_towards_the_real_mean(fake_mean, sign):
    made = fake_mean + 0.5 * torch.randn(64, 5, 3)
    moved = target_of(made, Gaussian(0.7, 0.25), Gaussian(fake_mean, 0.25)) - made
    assert torch.all(moved.sign() == sign)


def test_a_generator_that_follows_its_targets_reaches_the_real_distribution():
    mean, spread = torch.tensor([-1.0]).requires_grad_(), torch.tensor([1.0]).requires_grad_()
    optimizer = torch.optim.SGD([mean, spread], lr=0.05)
    rng = torch.Generator().manual_seed(0)
    for update in range(400):
        made = mean + spread * torch.randn(128, 1, 1, generator=rng)
        fake = Gaussian(mean.item(), spread.item() ** 2)
        target = target_of(made.detach(), Gaussian(0.7, 0.25), fake, seed=update)
        optimizer.zero_grad()
        (made - target).square().mean().backward()
        optimizer.step()
    assert mean.item() == pytest.approx(0.7, abs=0.05)
    assert abs(spread.item()) == pytest.approx(0.5, abs=0.05)


def test_padding_does_not_change_the_direction_of_valid_frames():
    made, real, fake = torch.randn(3, 2, 6, 3).unbind(0)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[:, 4:] = False
    one = matching_target(made, real, fake, mask)
    made, real, fake = (x.index_fill(1, torch.tensor([4, 5]), 50.0) for x in (made, real, fake))
    assert torch.equal(one[:, :4], matching_target(made, real, fake, mask)[:, :4])


@pytest.mark.parametrize("step", [0, 1, 2])
def test_own_inputs_are_those_of_the_sampler(step):
    noise = torch.randn(2, 5, 3, dtype=torch.float64)
    z, t = own_input(Gaussian(), noise, NONE, 3, step)
    assert t.tolist() == pytest.approx([1 - step / 3] * 2)
    x0 = ddim_sample(Gaussian(), noise, NONE, step_grid(3)[: step + 1])
    torch.testing.assert_close(predict_x0(Gaussian(), z, t, NONE), x0, rtol=0, atol=1e-12)
