import pytest

from distill.data.doctor import Severity, examine
from distill.data.doctor.sample import choose
from distill.face.rigs import load_rig
from distill.protocols import Corpus, Rig
from distill.types import Clip
from tests.distill.data.doctor.faults import FAULTS, alphabetical, columns

CLIPS = 48


def rig_of(corpus: Corpus) -> Rig:
    """The rig, or for `ict`, which has the same channels, the one that needs no files."""
    return load_rig("landmarks" if corpus.rig == "landmarks" else "arkit")


def errors(corpus: Corpus) -> set[str]:
    found = examine(corpus, rig_of(corpus), clips=CLIPS).findings
    assert all(f.message and f.hint for f in found)
    return {finding.name for finding in found if finding.severity == Severity.ERROR}


def test_a_clean_corpus_has_no_error(corpus):
    report = examine(corpus, rig_of(corpus), clips=CLIPS)
    assert report.severity < Severity.ERROR
    assert report.alignment is not None and report.alignment.belongs
    assert abs(report.alignment.lag_s) < 0.04
    assert report.facts["rig"].startswith(rig_of(corpus).name)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found_by_name(corpus, fault):
    assert FAULTS[fault] in errors(fault(corpus))


def test_what_is_wrong_is_not_blamed_on_something_else(corpora, request):
    corpus = corpora("synthetic", request)
    allowed = {"shuffled": {"constant_channels", "left_right_swapped", "audio_of_another_clip"}}
    for fault, name in FAULTS.items():
        assert errors(fault(corpus)) <= {name} | allowed.get(fault.__name__, set())


def test_columns_off_by_one_and_in_alphabetical_order_are_found(corpora, request):
    corpus = corpora("synthetic", request)
    order = [*range(1, len(corpus.channels)), 0]
    for changed in (alphabetical(corpus), columns(corpus, order)):
        assert "shuffled_channels" in errors(changed)


def test_the_same_clips_are_opened_every_time_and_every_split_has_some():
    clips = [
        Clip(id=str(i), split="train" if i < 900 else "val" if i < 990 else "test")
        for i in range(1000)
    ]
    chosen = choose(clips, 100)
    assert chosen == choose(clips, 100) and 95 <= len(chosen) <= 105
    assert {clip.split for clip in chosen} == {"train", "val", "test"}
    assert choose(clips[:5], 100) == clips[:5]
