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
        (teacher, [3.7054309844970703, 3.690706491470337, 3.4985361099243164]),
        (
            lambda: make_round(steps=(4, 4), shrink=True),
            [1.8556361198425293, 1.545840859413147, 1.283873200416565],
        ),
        (make_round, [1.809856653213501, 1.5087487697601318, 1.2870655059814453]),
    ],
    ids=["teacher", "shrink", "halving"],
)
def test_first_losses_are_pinned(make, golden):
    assert losses_of_training(make()) == pytest.approx(golden, rel=2e-3)
