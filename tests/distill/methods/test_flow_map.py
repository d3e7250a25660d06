"""Jumps of any length: what their targets are in worlds whose flow is known exactly."""

import pytest
import torch

from distill.diffusion.parameterization import expand
from distill.diffusion.sampling import ddim_step, predict_x0, x0_of_step
from distill.methods.flow_map.targets import (
    drawn_jump,
    jump,
    mean_velocity_target,
    shortcut_target,
    single_step_target,
)
from distill.types import Conditions
from tests.worlds import Gaussian, Wavy

NONE = Conditions()
TIMES = [(1.0, 0.0), (0.75, 0.25), (0.5, 0.0), (1.0, 0.875)]


class ExactJumps(Gaussian):
    """A student that knows the flow of Gaussian data: it jumps where the trajectory leads."""

    def forward(self, z, t, cond):
        s = t - cond.span
        (a_t, g_t), (a_s, g_s) = (
            tuple(expand(c, z) for c in self.schedule.alpha_sigma(time)) for time in (t, s)
        )
        spread = ((a_s**2 * self.var + g_s**2) / (a_t**2 * self.var + g_t**2)).sqrt()
        landed = a_s * self.mean + spread * (z - a_t * self.mean)
        return x0_of_step(z, landed, t, s, self.schedule)


class Steps(Wavy):
    """A student that says the same whatever the length of the step."""


def noisy(rows=4):
    return torch.randn(rows, 5, 3, dtype=torch.float64)


def pair(t, s, rows=4):
    return (torch.full((rows,), end, dtype=torch.float64) for end in (t, s))


@pytest.mark.parametrize("ends", TIMES)
def test_two_half_jumps_of_an_exact_student_are_its_jump(ends):
    t, s = pair(*ends)
    z, student = noisy(), ExactJumps()
    target = shortcut_target(student, z, t, s, NONE)
    torch.testing.assert_close(target, predict_x0(student, z, t, NONE, s))


def test_a_shortcut_lands_where_two_halves_land():
    t, s = pair(0.75, 0.25)
    z, student = noisy(), Steps()
    target = shortcut_target(student, z, t, s, NONE)
    middle = (t + s) / 2
    halves = jump(student, jump(student, z, t, middle, NONE), middle, s, NONE)
    torch.testing.assert_close(ddim_step(z, target, t, s, student.schedule), halves)


@pytest.mark.parametrize("ends", [(0.75, 0.25), (0.5, 0.0), (0.9, 0.3)])
def test_the_mean_velocity_of_the_exact_flow_is_its_own_target_in_the_limit(ends):
    t, s = pair(*ends)
    z, student, teacher = noisy(), ExactJumps(), Gaussian()
    true = predict_x0(student, z, t, NONE, s)
    errors = [
        (mean_velocity_target(student, teacher, z, t, s, NONE, NONE, step=step) - true).abs().max()
        for step in (1e-2, 1e-3)
    ]
    assert errors[1] < 0.2 * errors[0] and errors[1] < 0.02


def test_a_mean_velocity_over_one_step_of_the_teacher_is_that_step():
    t, s = pair(0.5, 0.375)
    z, teacher = noisy(), Gaussian()
    target = mean_velocity_target(Steps(), teacher, z, t, s, NONE, NONE, step=0.125)
    torch.testing.assert_close(target, predict_x0(teacher, z, t, NONE))


def test_the_anchor_is_what_the_teacher_says():
    t, _ = pair(0.5, 0.0)
    z, teacher = noisy(), Gaussian()
    assert torch.equal(single_step_target(teacher, z, t, NONE), predict_x0(teacher, z, t, NONE))


@pytest.mark.parametrize("least", [1, 2])
def test_drawn_jumps_lie_on_the_grid_and_half_of_them_go_all_the_way(least):
    u = torch.rand(4000, dtype=torch.float64)
    v = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    t, s = (16 * time for time in drawn_jump(u, v, 16, least))
    torch.testing.assert_close(t, t.round())
    torch.testing.assert_close(s, s.round())
    assert (t - s).min() >= least - 1e-9 and t.max() == 16 and s.min() == 0
    assert set(t.long().tolist()) == set(range(least, 17))
    assert (s == 0).double().mean() >= 0.5
    assert len(set(s[t == 16].long().tolist())) == 17 - least
