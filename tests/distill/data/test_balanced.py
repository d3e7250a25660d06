from collections import Counter

import numpy as np
import pytest

from distill.data.balanced import BalancedPersonaSampler
from distill.errors import UserError

LABELS = [*np.random.default_rng(0).integers(0, 9, 100).tolist(), 50, 51, 51]


def _sampler(**changes):
    kwargs = {"labels_per_batch": 4, "clips_per_label": 3, "seed": 5, **changes}
    return BalancedPersonaSampler(LABELS, **kwargs)


def test_every_batch_holds_exactly_p_labels_with_k_clips_each():
    for batch in _sampler():
        counts = Counter(LABELS[i] for i in batch)
        assert len(batch) == 12 and set(counts.values()) == {3} and len(counts) == 4


def test_an_epoch_holds_every_clip_and_its_length_is_as_announced():
    sampler = _sampler()
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert {i for batch in batches for i in batch} == set(range(len(LABELS)))


def test_no_more_batches_than_the_fullest_label_or_the_mean_asks_for():
    groups = [-(-count // 3) for count in Counter(LABELS).values()]
    assert len(_sampler()) == max(max(groups), -(-sum(groups) // 4))
    lopsided = BalancedPersonaSampler([0] * 30 + [1], labels_per_batch=2, clips_per_label=3)
    assert len(lopsided) == 10


def test_a_label_with_one_clip_is_drawn_with_replacement():
    lone = LABELS.index(50)
    assert any(batch.count(lone) == 3 for batch in _sampler())


def test_the_plan_follows_from_seed_and_epoch_alone():
    assert _sampler().plan(3) == _sampler().plan(3)
    assert _sampler().plan(3) != _sampler().plan(4)
    assert _sampler().plan(3) != _sampler(seed=6).plan(3)


def test_epochs_follow_each_other():
    sampler = _sampler()
    assert [list(sampler), list(sampler)] == [_sampler().plan(0), _sampler().plan(1)]
    sampler.set_epoch(7)
    assert list(sampler) == _sampler().plan(7)


@pytest.mark.parametrize("done", [0, 1, 5])
def test_a_restored_sampler_continues_with_the_very_next_batch(done):
    whole, broken = _sampler(), _sampler()
    expected = [batch for _ in range(2) for batch in whole]
    running = iter(broken)
    first = [next(running) for _ in range(done)]
    again = _sampler(seed=99)
    again.load_state_dict(broken.state_dict())
    assert first + [batch for _ in range(2) for batch in again] == expected


def test_setting_the_running_epoch_keeps_a_restored_position():
    sampler = _sampler()
    sampler.seek(2, 3)
    sampler.set_epoch(2)
    assert next(iter(sampler)) == _sampler().plan(2)[3]


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_out_the_plan_evenly_and_completely(world):
    ranks = [list(_sampler(rank=rank, world_size=world)) for rank in range(world)]
    assert len({len(batches) for batches in ranks}) == 1
    plan = _sampler(world_size=world).plan(0)
    assert [plan[i] for i in range(len(plan))] == [
        ranks[i % world][i // world] for i in range(len(plan))
    ]
    assert {i for batches in ranks for batch in batches for i in batch} == set(range(len(LABELS)))


def test_fewer_labels_than_asked_for_are_all_taken():
    sampler = BalancedPersonaSampler([3, 3, 8], labels_per_batch=10, clips_per_label=2)
    assert all(len(batch) == 4 for batch in sampler)


@pytest.mark.parametrize(
    ("labels", "changes"),
    [
        ([], {}),
        (LABELS, {"labels_per_batch": 0}),
        (LABELS, {"clips_per_label": 0}),
        (LABELS, {"rank": 2, "world_size": 2}),
    ],
)
def test_impossible_requests_are_refused(labels, changes):
    kwargs = {"labels_per_batch": 4, "clips_per_label": 3, **changes}
    with pytest.raises(UserError):
        BalancedPersonaSampler(labels, **kwargs)
