"""Pinned first losses (CPU, float32, torch 2.13).

Re-record on purpose only, and say why in CHANGELOG.
"""

import pytest

from distill.training.denoising import DenoisingTraining
from distill.training.losses import LossWeights
from tests.distill.methods.test_round import OPTIMIZER, losses_of_training, make_round
from tests.toys import toy_space, toy_teacher


def teacher():
    return DenoisingTraining(toy_teacher(), toy_space(), optimizer=OPTIMIZER, losses=LossWeights())


@pytest.mark.parametrize(
    ("make", "golden"),
    [
        (teacher, [3.7181174755096436, 3.7140679359436035, 3.521562099456787]),
        (
            lambda: make_round(steps=(4, 4), shrink=True),
            [3.1719021797180176, 2.9672884941101074, 2.635617256164551],
        ),
        (make_round, [2.106935739517212, 1.8874523639678955, 1.6229608058929443]),
    ],
    ids=["teacher", "shrink", "halving"],
)
def test_first_losses_are_pinned(make, golden):
    assert losses_of_training(make()) == pytest.approx(golden, rel=2e-3)
