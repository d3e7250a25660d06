import pytest

from distill.errors import UserError
from distill.methods.progressive.plan import HalvingPlan


def steps(plan):
    return [(r.teacher_steps, r.student_steps, r.shrink) for r in plan]


def test_shrink_first_keeps_the_step_count_once_then_halves():
    assert steps(HalvingPlan(8, 2)) == [(8, 8, True), (8, 4, False), (4, 2, False)]


def test_joint_shrinks_in_the_first_halving():
    assert steps(HalvingPlan(8, 2, "joint")) == [(8, 4, True), (4, 2, False)]


def test_a_plan_of_equal_counts_only_shrinks():
    for order in ("shrink_first", "joint"):
        assert steps(HalvingPlan(4, 4, order)) == [(4, 4, True)]


def test_names_sort_in_execution_order():
    names = [r.name for r in HalvingPlan(16, 1)]
    assert names == sorted(names) and names[0] == "round_00_16to16"


@pytest.mark.parametrize(("start", "end"), [(6, 4), (12, 1), (2, 4), (0, 1), (4, 0), (-4, 1)])
def test_other_ratios_are_refused(start, end):
    with pytest.raises(UserError, match=r"power of two|at least 1"):
        HalvingPlan(start, end)


def test_unknown_order_is_refused():
    with pytest.raises(UserError, match="shrink_first, joint"):
        HalvingPlan(4, 1, "sideways")
