import pytest
import torch

from distill.diffusion.guidance import GuidedDenoiser
from distill.diffusion.sampling import ddim_sample, ddim_step
from distill.diffusion.schedule import CosineSchedule, step_grid
from distill.types import Conditions
from tests.worlds import Exact, Gaussian, PointMass


def test_sampler_of_point_mass_is_exact_in_one_step():
    out = ddim_sample(PointMass(), torch.randn(2, 4, 3), Conditions(), step_grid(1))
    torch.testing.assert_close(out, torch.full_like(out, 2.0))


def test_ddim_converges_to_the_exact_flow_of_a_gaussian_world():
    world = Gaussian()
    noise = torch.randn(1, 64, 3, dtype=torch.float64)
    exact = world.mean + world.var**0.5 * noise
    errors = [
        (ddim_sample(world, noise, Conditions(), step_grid(n)) - exact).abs().max().item()
        for n in (16, 64, 256)
    ]
    assert errors[2] < errors[1] / 2 < errors[0] / 4 and errors[2] < 0.02


def test_a_step_of_no_time_changes_nothing():
    z, t = torch.randn(3, 4, 3).double(), torch.tensor([0.3, 0.6, 0.9]).double()
    x0 = torch.randn_like(z)
    torch.testing.assert_close(ddim_step(z, x0, t, t, CosineSchedule()), z)


class Heard(Exact):
    """Says 5 with a persona and 3 without."""

    def forward(self, z, t, cond):
        return torch.full_like(z, 3.0 if cond.persona is None else 5.0)


@pytest.mark.parametrize(("scale", "expected"), [(0.0, 3.0), (1.0, 5.0), (2.0, 7.0)])
def test_guidance_extrapolates_away_from_the_unconditional(scale, expected):
    guided = GuidedDenoiser(Heard(), scale)
    out = guided(torch.zeros(1, 2, 3), torch.ones(1), Conditions(persona=torch.zeros(1, 4)))
    assert torch.all(out == expected)
