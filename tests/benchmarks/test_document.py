import pytest

from benchmarks.document import README, RESULTS, current, replaced
from benchmarks.results import read_results
from distill.errors import UserError


def test_the_readmes_numbers_are_those_of_the_kept_results():
    assert README.read_text(encoding="utf-8") == current()


def test_the_kept_results_are_of_the_default_budget_and_complete():
    rows = [row.name for row in read_results(RESULTS).rows]
    assert rows == [
        "neutral", "mean", "regression", "teacher-16",
        "student-16", "student-8", "student-4", "student-2", "student-1",
    ]  # fmt: skip


def test_a_document_without_marks_is_refused():
    with pytest.raises(UserError, match="no part between"):
        replaced("no marks here", "x")
