import itertools

import pytest
import torch

from distill.diffusion.parameterization import Prediction, from_x0, to_x0
from distill.diffusion.schedule import CosineSchedule, step_grid


def test_schedule_is_variance_preserving_and_monotone():
    a, s = CosineSchedule().alpha_sigma(torch.linspace(0, 1, 101).double())
    torch.testing.assert_close(a**2 + s**2, torch.ones_like(a))
    assert (a.diff() < 0).all() and (s.diff() > 0).all()


def test_log_snr_reaches_its_limits():
    schedule = CosineSchedule(logsnr_min=-12.0, logsnr_max=9.0)
    a, s = schedule.alpha_sigma(torch.tensor([0.0, 1.0]).double())
    torch.testing.assert_close(2 * (a / s).log(), torch.tensor([9.0, -12.0]).double())


def test_float32_times_lose_nothing_to_float32_trigonometry():
    t = torch.linspace(0, 1, 33)
    for low, high in zip(
        CosineSchedule().alpha_sigma(t), CosineSchedule().alpha_sigma(t.double()), strict=True
    ):
        assert torch.equal(low, high.float())


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_grid_goes_from_noise_to_data_without_gaps(steps):
    grid = step_grid(steps)
    assert len(grid) == steps and grid[0][0] == 1 and grid[-1][1] == 0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(grid))


@pytest.mark.parametrize("kind", Prediction)
def test_parameterizations_round_trip(kind):
    z, x0 = torch.randn(2, 6, 5, 3, dtype=torch.float64).unbind(0)
    a, s = CosineSchedule().alpha_sigma(torch.linspace(0.05, 0.95, 6).double())
    torch.testing.assert_close(to_x0(from_x0(x0, z, a, s, kind), z, a, s, kind), x0)
