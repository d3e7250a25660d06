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
        (teacher, [3.526782989501953, 3.5481576919555664, 3.3560383319854736]),
        (
            lambda: make_round(steps=(4, 4), shrink=True),
            [3.0776286125183105, 2.881908893585205, 2.549316644668579],
        ),
        (make_round, [2.0126137733459473, 1.801928997039795, 1.536722183227539]),
    ],
    ids=["teacher", "shrink", "halving"],
)
def test_first_losses_are_pinned(make, golden):
    assert losses_of_training(make()) == pytest.approx(golden, rel=2e-3)
