import pytest
import torch

from distill.training.batches import BatchRange, batch_rng, update_loader
from tests.distill.training.toy import make_batch


def test_batch_k_depends_on_k_only_whatever_the_start_and_the_workers():
    whole = list(update_loader(make_batch, start=0, stop=12))
    resumed = list(update_loader(make_batch, start=5, stop=12, workers=2))
    assert len(whole) == 12 and len(resumed) == 7
    for expected, found in zip(whole[5:], resumed, strict=True):
        assert torch.equal(expected, found)


def test_parts_of_all_processes_join_to_the_batch_of_one():
    joined = torch.cat([next(iter(_part(rank))) for rank in range(2)])
    assert torch.equal(joined, make_batch(4, 0, 1))


def _part(rank: int):
    return update_loader(make_batch, start=4, stop=5, rank=rank, world=2)


def test_generators_differ_by_seed_index_and_rank():
    draws = {
        batch_rng(*key).integers(2**62) for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    }
    assert len(draws) == 4


def test_the_range_declares_no_length_because_lightning_would_count_finished_batches_twice():
    loader = update_loader(make_batch, start=5, stop=12)
    assert list(BatchRange(5, 8)) == [5, 6, 7]
    with pytest.raises(TypeError):
        len(loader)
