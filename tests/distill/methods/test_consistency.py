import pytest
import torch

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import ddim_sample, ddim_step, predict_x0, x0_of_step
from distill.diffusion.schedule import CosineSchedule, step_grid
from distill.methods.consistency.targets import (
    consistency_function,
    consistency_target,
    huber_weight,
    segment_start,
)
from distill.types import Conditions
from tests.worlds import Gaussian, PointMass, Wavy

NONE, SCHEDULE = Conditions(), CosineSchedule()


class Flow(Gaussian):
    """The student that knows where the exact trajectory through z_t is at the segment's start."""

    def __init__(self, steps: int, segments: int):
        super().__init__()
        self.steps, self.segments = steps, segments

    def at(self, z, t, s):
        """Follow dz/dt of Gaussian data from t to s: the standard score of z does not change."""
        alpha_t, sigma_t = (expand(c, z) for c in self.schedule.alpha_sigma(t))
        alpha_s, sigma_s = (expand(c, z) for c in self.schedule.alpha_sigma(s))
        spread = (
            (alpha_s**2 * self.var + sigma_s**2) / (alpha_t**2 * self.var + sigma_t**2)
        ).sqrt()
        return alpha_s * self.mean + spread * (z - alpha_t * self.mean)

    def forward(self, z, t, cond):
        s = segment_start(t, self.steps, self.segments)
        return x0_of_step(z, self.at(z, t, s), t, s, self.schedule)


class Sampled(Wavy):
    """The student whose every step lands where all of the teacher's steps of a segment land."""

    def __init__(self, teacher, steps: int, segments: int):
        super().__init__()
        self.teacher, self.steps, self.segments = teacher, steps, segments

    def forward(self, z, t, cond):
        s, z_u = segment_start(t, self.steps, self.segments), z.clone()
        for n in range(self.steps, 0, -1):
            now = (t * self.steps).round() >= n
            inside = expand((now & (n / self.steps > s + 1e-9)).to(z), z)
            here, there = (
                torch.full_like(t, n / self.steps),
                torch.full_like(t, (n - 1) / self.steps),
            )
            stepped = ddim_step(
                z_u, predict_x0(self.teacher, z_u, here, cond), here, there, self.schedule
            )
            z_u = torch.where(inside > 0, stepped, z_u)
        return x0_of_step(z, z_u, t, s, self.schedule)


def grid(steps):
    return torch.arange(1, steps + 1, dtype=torch.float64) / steps


def test_segments_hold_their_later_end_and_not_their_start():
    assert segment_start(grid(6), 6, 3).tolist() == pytest.approx(
        [0, 0, 1 / 3, 1 / 3, 2 / 3, 2 / 3]
    )
    assert segment_start(grid(16).float(), 16, 1).tolist() == [0.0] * 16
    assert segment_start(grid(4), 4, 4).tolist() == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("s", [0.0, 0.25, 0.5])
def test_the_boundary_condition_is_exact_whatever_the_network_says(s, dtype):
    z, t = 3 * torch.randn(4, 5, 3, dtype=dtype), torch.full((4,), s, dtype=dtype)
    for world in (Wavy(), PointMass(), Gaussian()):
        assert torch.equal(consistency_function(world, z, t, t, NONE), z)


@pytest.mark.parametrize("segments", [1, 2])
def test_the_exact_function_is_constant_along_a_trajectory(segments):
    flow, times = Flow(8, segments), grid(8)
    z_1 = torch.randn(1, 5, 3, dtype=torch.float64).expand(8, -1, -1)
    z = flow.at(z_1, torch.ones(8).double(), times)
    s = segment_start(times, 8, segments)
    ends = consistency_function(flow, z, times, s, NONE)
    for start in s.unique():
        same = ends[s == start]
        torch.testing.assert_close(same, same[:1].expand_as(same), rtol=0, atol=1e-12)


@pytest.mark.parametrize("segments", [1, 2])
def test_with_the_exact_denoiser_the_exact_function_is_its_own_target(segments):
    steps = 4096
    flow = Flow(steps, segments)
    t = grid(8)
    z = torch.randn(8, 5, 3, dtype=torch.float64)
    target = consistency_target(flow, Gaussian(), z, t, NONE, NONE, steps=steps, segments=segments)
    torch.testing.assert_close(target, flow(z, t, NONE), rtol=0, atol=1e-6)


@pytest.mark.parametrize("teacher", [Wavy(), Gaussian()])
@pytest.mark.parametrize("segments", [1, 2, 4])
def test_a_student_that_hits_every_target_samples_what_its_teacher_samples(teacher, segments):
    student, steps = Sampled(teacher, 8, segments), 8
    z, t = torch.randn(8, 5, 3, dtype=torch.float64), grid(steps)
    target = consistency_target(student, teacher, z, t, NONE, NONE, steps=steps, segments=segments)
    torch.testing.assert_close(target, student(z, t, NONE), rtol=1e-8, atol=1e-8)
    noise = torch.randn(2, 5, 3, dtype=torch.float64)
    ended = ddim_sample(student, noise, NONE, step_grid(segments))
    z = noise
    for t, s in step_grid(steps):
        t_b, s_b = noise.new_full((2,), t), noise.new_full((2,), s)
        z = ddim_step(z, predict_x0(teacher, z, t_b, NONE), t_b, s_b, SCHEDULE)
    torch.testing.assert_close(ended, z, rtol=0, atol=5e-3)  # the sampler drops z_0's last noise


def test_beside_the_segments_start_the_target_is_the_teachers_x0():
    z, t = torch.randn(2, 5, 3).double(), torch.tensor([0.125, 0.625]).double()
    target = consistency_target(PointMass(), Wavy(), z, t, NONE, NONE, steps=8, segments=2)
    torch.testing.assert_close(target, predict_x0(Wavy(), z, t, NONE), rtol=1e-9, atol=1e-9)


def test_targets_carry_no_gradient():
    z, t = torch.randn(2, 5, 3, requires_grad=True), torch.tensor([0.5, 1.0])
    assert not consistency_target(
        Wavy(), Wavy(), z, t, NONE, NONE, steps=4, segments=2
    ).requires_grad


def test_the_weighted_square_has_the_gradient_of_the_pseudo_huber_distance():
    predicted = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    target, c = torch.randn(3, 4, 2, dtype=torch.float64), 0.3
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[1, 2:] = False
    kept = mask[..., None] / (mask.sum(-1)[:, None, None] * 2)

    def squares():
        return ((predicted - target).square() * kept).sum((1, 2))

    distance = 2 * c**2 * ((1 + squares() / c**2).sqrt() - 1)
    (wanted,) = torch.autograd.grad(distance.sum(), predicted)
    weighted = huber_weight(predicted, target, mask, c) * squares()
    (found,) = torch.autograd.grad(weighted.sum(), predicted)
    torch.testing.assert_close(found, wanted)
