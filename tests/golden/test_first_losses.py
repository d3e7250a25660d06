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
        (teacher, [2.105081796646118, 2.0364577770233154, 2.2726807594299316]),
        (
            lambda: make_round(steps=(4, 4), shrink=True),
            [1.3612565994262695, 1.3940150737762451, 1.302040457725525],
        ),
        (make_round, [0.16467930376529694, 0.16440877318382263, 0.17087078094482422]),
    ],
    ids=["teacher", "shrink", "halving"],
)
def test_first_losses_are_pinned(make, golden):
    assert losses_of_training(make()) == pytest.approx(golden, rel=2e-3)
