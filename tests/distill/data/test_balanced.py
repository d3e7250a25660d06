from collections import Counter

import numpy as np
import pytest

from distill.data.balanced import BalancedBatches, BlockedBatches
from distill.errors import UserError

LABELS = [*np.random.default_rng(0).integers(0, 9, 100).tolist(), 50, 51, 51]


def balanced(**changes):
    kwargs = {"labels_per_batch": 4, "clips_per_label": 3, "seed": 5, **changes}
    return BalancedBatches(LABELS, **kwargs)


def test_every_batch_holds_exactly_p_labels_with_k_clips_each():
    for batch in balanced().plan(0):
        counts = Counter(LABELS[i] for i in batch)
        assert len(batch) == 12 and set(counts.values()) == {3} and len(counts) == 4


def test_an_epoch_holds_every_clip():
    for epoch in (0, 4):
        plan = balanced().plan(epoch)
        assert len(plan) == balanced().per_epoch
        assert {i for batch in plan for i in batch} == set(range(len(LABELS)))


def test_no_more_batches_than_the_fullest_label_or_the_mean_asks_for():
    groups = [-(-count // 3) for count in Counter(LABELS).values()]
    assert balanced().per_epoch == max(max(groups), -(-sum(groups) // 4))
    lopsided = BalancedBatches([0] * 30 + [1], labels_per_batch=2, clips_per_label=3)
    assert lopsided.per_epoch == 10


def test_a_label_with_one_clip_is_drawn_with_replacement():
    lone = LABELS.index(50)
    assert any(batch.count(lone) == 3 for batch in balanced().plan(0))


def test_batches_follow_from_seed_and_index_alone():
    first, second = balanced(), balanced()
    backwards = [second.batch(i) for i in reversed(range(30))]
    assert [first.batch(i) for i in range(30)] == backwards[::-1]
    assert first.batch(0) != balanced(seed=6).batch(0)


def test_epochs_follow_each_other():
    batches, size = balanced(), balanced().per_epoch
    assert [batches.batch(i) for i in range(2 * size)] == batches.plan(0) + batches.plan(1)
    assert batches.plan(0) != batches.plan(1)


def test_fewer_labels_than_asked_for_are_all_taken():
    batches = BalancedBatches([3, 3, 8], labels_per_batch=10, clips_per_label=2)
    assert all(len(batch) == 4 for batch in batches.plan(0))


@pytest.mark.parametrize(
    ("labels", "changes"),
    [([], {}), (LABELS, {"labels_per_batch": 0}), (LABELS, {"clips_per_label": 0})],
)
def test_impossible_requests_are_refused(labels, changes):
    kwargs = {"labels_per_batch": 4, "clips_per_label": 3, **changes}
    with pytest.raises(UserError):
        BalancedBatches(labels, **kwargs)


def blocked(block_clips: int) -> BlockedBatches:
    return BlockedBatches(
        LABELS, block_clips=block_clips, labels_per_batch=4, clips_per_label=3, seed=5
    )


def test_a_corpus_of_one_block_has_the_batches_of_a_plan_of_all():
    whole, plain = blocked(len(LABELS)), balanced()
    assert whole.per_epoch == plain.per_epoch
    assert [whole.batch(i) for i in range(40)] == [plain.batch(i) for i in range(40)]


def test_an_epoch_of_blocks_holds_every_clip_and_each_batch_is_of_neighbours():
    batches = blocked(30)
    for epoch in range(2):
        first = epoch * batches.per_epoch
        plan = [batches.batch(first + i) for i in range(batches.per_epoch)]
        assert {clip for batch in plan for clip in batch} == set(range(len(LABELS)))
        assert all(max(batch) - min(batch) < 30 for batch in plan)
    assert batches.batch(0) != batches.batch(batches.per_epoch)


def test_batches_of_blocks_follow_from_seed_and_index_alone():
    first, second = blocked(30), blocked(30)
    backwards = [second.batch(i) for i in reversed(range(60))]
    assert [first.batch(i) for i in range(60)] == backwards[::-1]
