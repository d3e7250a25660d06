import json
import shutil

import pytest
from PIL import Image

from benchmarks.collect import FOLDER, collect, read_kept
from benchmarks.document import DEFAULT, current, replaced
from benchmarks.results_page import index, plot, plot_path, results_page
from distill.errors import UserError
from distill.storage import content_hash, read_json, write_json
from tests.benchmarks.runs_example import write_run


def test_the_documents_numbers_are_those_of_the_kept_results():
    for path, text in current().items():
        assert path.read_text(encoding="utf-8") == text


def test_every_plot_was_drawn_from_the_kept_results():
    for entry in index():
        kept = FOLDER / f"{entry['name']}.json"
        if kept.exists():
            with Image.open(plot_path(entry)) as image:
                assert image.info["Description"] == content_hash(read_json(kept))


def test_the_kept_results_are_of_the_default_budget_and_complete():
    rows = [row.name for row in read_kept(DEFAULT)[0].results.rows]
    assert rows == [
        "neutral", "mean", "regression", "teacher-16",
        "student-16", "student-8", "student-4", "student-2", "student-1",
    ]  # fmt: skip


def test_a_document_without_marks_is_refused():
    with pytest.raises(UserError, match="no part between"):
        replaced("no marks here", "x")


@pytest.fixture
def page(tmp_path):
    """A results folder with one set of two seeds and another config, and one set missing."""
    runs = [
        write_run(tmp_path / "a", lve=1.0),
        write_run(tmp_path / "b", lve=2.0, seed=1),
        write_run(tmp_path / "c", lve=0.5, distill={"method": "regression"}),
    ]
    kept = tmp_path / "kept"
    collect("methods", runs, kept)
    questions = [{"name": n, "title": f"T {n}", "question": "Why?"} for n in ("methods", "later")]
    write_json(kept / "index.json", [{**q, "rows": ["student-2", "teacher-16"]} for q in questions])
    return kept


def test_the_page_has_mean_and_spread_over_seeds_of_the_chosen_rows(page):
    text = results_page(page)
    line = next(x for x in text.splitlines() if x.startswith("| student-2 | distill.method=prog"))
    assert "| 24.2 ± 11 |" in line  # 16.1 and 2 x 16.1
    other = next(x for x in text.splitlines() if x.startswith("| student-2 | distill.method=regr"))
    assert "| 8.05 ± 0.2 |" in other  # one run: the spread over sampling seeds
    assert "student-8" not in text


def test_commands_commits_questions_and_what_is_missing_are_on_the_page(page):
    text = results_page(page)
    assert text.count("python -m distill.run") == 3
    assert "distill.method=regression" in text and "seed=1" in text and "0123456789ab" in text
    assert text.count("Why?") == 2
    assert "## T later" in text and "python -m benchmarks.collect later" in text


def test_the_page_follows_the_kept_file(page):
    before = results_page(page)
    path = page / "methods.json"
    path.write_text(path.read_text().replace("0123456789ab", "ba9876543210"))
    assert results_page(page) == before.replace("0123456789ab", "ba9876543210")
    entry = index(page)[0]
    drawn = plot(entry, page)
    assert drawn is not None
    with Image.open(drawn) as image:
        assert image.info["Description"] == content_hash(json.loads(path.read_text()))
    assert plot(index(page)[1], page) is None


def test_a_page_without_an_index_is_refused(page):
    shutil.rmtree(page)
    with pytest.raises(UserError, match=r"index\.json does not exist"):
        results_page(page)
