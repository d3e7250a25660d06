import pytest
import torch

from distill.diffusion.sampling import ddim_sample, ddim_step, predict_x0
from distill.diffusion.schedule import CosineSchedule, step_grid
from distill.methods.progressive.targets import one_step_target, two_step_target
from distill.training.denoising import snr_weight
from distill.types import Conditions
from tests.worlds import Gaussian, PointMass, Wavy

NONE = Conditions()


def half_steps(teacher, z, t, steps):
    mid, s = t - 0.5 / steps, t - 1 / steps
    z_mid = ddim_step(z, predict_x0(teacher, z, t, NONE), t, mid, teacher.schedule)
    x_mid = predict_x0(teacher, z_mid, mid, NONE)
    return ddim_step(z_mid, x_mid, mid, s, teacher.schedule), x_mid, s


@pytest.mark.parametrize("world", [Wavy(), Gaussian()])
@pytest.mark.parametrize("steps", [2, 4, 8])
def test_one_student_step_lands_where_two_teacher_steps_land(world, steps):
    t = torch.arange(2, steps + 1, dtype=torch.float64) / steps
    z = torch.randn(len(t), 5, 3, dtype=torch.float64)
    z_s, _, s = half_steps(world, z, t, steps)
    target = two_step_target(world, z, t, steps, NONE)
    landed = ddim_step(z, target, t, s, CosineSchedule())
    torch.testing.assert_close(landed, z_s, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_the_last_step_targets_the_x0_that_a_sampler_returns(steps):
    z, t = torch.randn(3, 5, 3).double(), torch.full((3,), 1 / steps).double()
    _, x_mid, _ = half_steps(Wavy(), z, t, steps)
    assert torch.equal(two_step_target(Wavy(), z, t, steps, NONE), x_mid)


def test_a_student_that_hits_every_target_samples_what_its_teacher_samples():
    teacher, noise = Gaussian(), torch.randn(1, 40, 3, dtype=torch.float64)

    class Student(Gaussian):
        def forward(self, z, t, cond):
            return two_step_target(teacher, z, t, 4, cond)

    by_student = ddim_sample(Student(), noise, NONE, step_grid(4))
    by_teacher = ddim_sample(teacher, noise, NONE, step_grid(8))
    torch.testing.assert_close(by_student, by_teacher, rtol=1e-9, atol=1e-9)


def test_target_of_a_perfect_teacher_is_the_data():
    z, t = torch.randn(4, 5, 3, dtype=torch.float64), torch.linspace(0.25, 1, 4).double()
    target = two_step_target(PointMass(), z, t, 4, NONE)
    torch.testing.assert_close(target, torch.full_like(z, 2.0), rtol=1e-8, atol=1e-8)


def test_targets_carry_no_gradient():
    z = torch.randn(2, 5, 3, requires_grad=True)
    t = torch.tensor([0.5, 1.0])
    assert not two_step_target(Wavy(), z, t, 2, NONE).requires_grad
    assert not one_step_target(Wavy(), z, t, NONE).requires_grad


def test_snr_weight_is_truncated_on_both_sides():
    t = torch.linspace(0.01, 1, 50).double()
    weight = snr_weight(CosineSchedule(), t, 4.0)
    alpha, sigma = CosineSchedule().alpha_sigma(t)
    inside = ((alpha / sigma) ** 2 > 1) & ((alpha / sigma) ** 2 < 4)
    torch.testing.assert_close(weight[inside], (alpha / sigma)[inside] ** 2)
    assert weight.min() == 1 and weight.max() == 4
    assert torch.all(snr_weight(CosineSchedule(), t, 1.0) == 1)
