import numpy as np
import pytest
import torch

from benchmarks.metrics.registry import measures, specs
from benchmarks.quality import SAMPLES, enough_seeds, measure_rows, spread
from benchmarks.reference import build_reference
from benchmarks.subjects import RecordedSubject, StillSubject, talker_subject
from distill.errors import UserError
from tests.benchmarks.fakes import FakeCorpus, FakeTalker, space

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def corpus():
    return FakeCorpus()


@pytest.fixture(scope="module")
def reference(corpus):
    return build_reference(corpus, space(), splits=("test", "test_unseen"))


@pytest.fixture(scope="module")
def measured(corpus, reference):
    subjects = [
        StillSubject(name="neutral", frame=np.zeros(4, np.float32)),
        talker_subject("student-2", FakeTalker(), 2),
        talker_subject("regression", FakeTalker(), 1),
        RecordedSubject(),
    ]
    return measure_rows(subjects, corpus=corpus, space=space(), reference=reference, seeds=SEEDS)


def test_real_motion_has_no_error_and_is_recognized(measured):
    real = measured["test"]["recorded"]
    for name in ("lve", "lve_rms_mm", "eve", "fdd", "fdd_abs", "mve", "mod", "diversity"):
        assert real[name].mean == 0
    assert real["persona_top1_identity"].mean == 1
    assert real["sync_r"].mean > 0.9


def test_every_metric_is_reported_with_unit_and_region(measured):
    values = measured["test"]["student-2"]
    absent = ("_eyes", "_blink", "blink_depth", "blinks_per_min")
    assert set(values) == {name for name in measures() if not name.endswith(absent)}
    assert values["lve"].unit == "mm^2"
    assert all(value.region == specs()[name].region for name, value in values.items())


def test_recorded_motion_is_its_own_floor(measured):
    real, made = measured["test"]["recorded"], measured["test"]["student-2"]
    for part in ("mouth", "brows", "head"):
        assert real[f"jitter_{part}"].mean == real[f"spread_{part}"].mean == 1
    assert made["jitter_mouth"].mean > 2 and made["spread_mouth"].mean < 0.5
    assert made["spread_brows"].mean == pytest.approx(0.1 / 0.05, rel=0.1)
    assert real["coverage"].mean == 1 and made["coverage"].mean < 1
    assert real["lve_mean8"].mean == 0
    assert 0 < real["fmd"].mean < made["fmd"].mean


def test_only_models_other_than_the_teacher_match_it(corpus, reference):
    subjects = [
        StillSubject(name="neutral", frame=np.zeros(4, np.float32)),
        talker_subject("regression", FakeTalker(noise=0.0), 1),
        talker_subject("teacher-16", FakeTalker(), 16),
        talker_subject("student-2", FakeTalker(), 2),
        RecordedSubject(),
    ]
    rows = measure_rows(
        subjects, corpus=corpus, space=space(), reference=reference, splits=("test",),
        teacher="teacher-16",
    )["test"]  # fmt: skip
    assert {name for name, row in rows.items() if row["match_head"].mean is not None} == {
        "regression", "student-2",
    }  # fmt: skip
    assert rows["student-2"]["match_head"].mean == 0
    assert rows["regression"]["match_head"].mean == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_the_lip_error_of_a_mean_is_below_that_of_its_samples(measured):
    for name in ("student-2", "regression"):
        values = measured["test"][name]
        one, mean = values["lve"].mean, values["lve_mean8"].mean
        assert mean < one if name == "student-2" else mean == pytest.approx(one)


def test_mean_and_spread_are_over_seeds_of_the_whole_split(corpus, reference, measured):
    single = [
        measure_rows(
            [talker_subject("student-2", FakeTalker(), 2)],
            corpus=corpus,
            space=space(),
            reference=reference,
            splits=("test",),
            seeds=(seed,),
        )["test"]["student-2"]["lve"].mean
        for seed in SEEDS
    ]
    value = measured["test"]["student-2"]["lve"]
    assert value.mean == pytest.approx(np.mean(single))
    assert value.std == pytest.approx(np.std(single, ddof=1))
    assert value.std > 0


def test_rows_without_randomness_take_one_seed_and_have_no_spread(measured):
    for name in ("neutral", "regression"):
        values = measured["test"][name]
        assert values["diversity"].mean == 0
        assert {value.std for value in values.values()} <= {0.0, None}


def test_equal_numbers_have_no_spread_at_all():
    assert spread([0.1] * 3) == 0.0 < np.std([0.1] * 3, ddof=1)
    assert spread([1.0, 2.0, 4.0]) == pytest.approx(np.std([1.0, 2.0, 4.0], ddof=1))
    assert spread([3.0]) == 0.0


def test_a_still_face_has_no_lag_and_closes_its_mouth(measured):
    still = measured["test"]["neutral"]
    assert still["sync_lag_ms"].mean is None
    assert still["sync_r"].mean == 0
    assert still["closure"].mean == 1


def test_unseen_speakers_have_no_identity_to_find(measured):
    assert measured["test_unseen"]["recorded"]["persona_top1_identity"].mean is None
    assert measured["test_unseen"]["recorded"]["persona_top1_emotion"].mean is not None


def test_seeds_and_steps_reach_the_model(corpus, reference):
    talker = FakeTalker()
    measure_rows(
        [talker_subject("student-2", talker, 2)],
        corpus=corpus,
        space=space(),
        reference=reference,
        splits=("test_unseen",),
        seeds=SEEDS,
    )
    assert talker.seen == [(tuple(range(SAMPLES)), 2)]


def test_seeds_come_first_and_are_never_drawn_twice():
    assert enough_seeds((5, 1)) == (5, 1, 0, 2, 3, 4, 6, 7)
    assert enough_seeds(range(10)) == tuple(range(10))


def test_clips_are_generated_no_further_ahead_than_they_are_looked_at(corpus, reference):
    talker, waiting = FakeTalker(), []
    measure_rows(
        [talker_subject("student-2", talker, 2)],
        corpus=FakeCorpus(),
        space=space(),
        reference=reference,
        splits=("train",),
        progress=lambda _, done, every: waiting.append(len(talker.seen) - done),
    )
    assert len(waiting) == 9 and max(waiting) <= 4


def test_a_diverged_model_is_named(corpus, reference):
    with pytest.raises(UserError, match="student-4 generated values that are not finite"):
        measure_rows(
            [talker_subject("student-4", FakeTalker(noise=float("nan")), 4)],
            corpus=corpus,
            space=space(),
            reference=reference,
        )


def test_at_most_max_clips_are_measured(corpus, reference):
    seen = []
    measure_rows(
        [RecordedSubject()],
        corpus=corpus,
        space=space(),
        reference=reference,
        splits=("test",),
        max_clips=2,
        progress=lambda *report: seen.append(report),
    )
    assert seen == [("test", 0, 2), ("test", 1, 2), ("test", 2, 2)]


def test_thread_counts_are_left_as_they_were(corpus, reference):
    torch.set_num_threads(2)
    measure_rows([RecordedSubject()], corpus=corpus, space=space(), reference=reference)
    assert torch.get_num_threads() == 2
