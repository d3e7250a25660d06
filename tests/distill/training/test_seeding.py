import random

import pytorch_lightning as pl
import torch

from distill.training.seeding import SeedPerUpdate, seed_global_generators
from tests.distill.training.toy import fake_trainer


def _draw(seed: int, step: int, part: int = 0, rank: int = 0, validation: bool = False):
    trainer = fake_trainer(global_step=step, global_rank=rank, accumulate_grad_batches=2)
    callback, module = SeedPerUpdate(seed), pl.LightningModule()
    if validation:
        callback.on_validation_batch_start(trainer, module, None, part)
    else:
        callback.on_train_batch_start(trainer, module, None, part)
    return [*torch.rand(4).tolist(), random.random()]


def test_randomness_is_a_function_of_seed_update_and_part_and_not_of_the_process():
    reference = _draw(0, 5)
    torch.rand(9)
    assert _draw(0, 5) == reference
    assert _draw(0, 5, rank=1) == reference
    others = [_draw(1, 5), _draw(0, 6), _draw(0, 5, part=1)]
    assert all(other != reference for other in others)


def test_validation_noise_is_the_same_at_every_update():
    assert _draw(0, 5, validation=True) == _draw(0, 50, validation=True)
    assert _draw(0, 5, validation=True) != _draw(0, 5)


def test_entropy_is_not_added_up():
    draws = []
    for entropy in [(0, 1, 2), (0, 2, 1), (1, 0, 2)]:
        seed_global_generators(*entropy)
        draws.append(torch.rand(1).item())
    assert len(set(draws)) == 3
