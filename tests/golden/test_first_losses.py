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
        (teacher, [2.1139190196990967, 2.0447022914886475, 2.2658281326293945]),
        (
            lambda: make_round(steps=(4, 4), shrink=True),
            [1.3755837678909302, 1.3938677310943604, 1.301956057548523],
        ),
        (make_round, [0.16470058262348175, 0.16667144000530243, 0.17508459091186523]),
    ],
    ids=["teacher", "shrink", "halving"],
)
def test_first_losses_are_pinned(make, golden):
    assert losses_of_training(make()) == pytest.approx(golden, rel=2e-3)
