import json
import shutil

import pytest
from PIL import Image

from benchmarks.collect import FOLDER, collect, read_kept
from benchmarks.document import DEFAULT, README, block, current, replaced
from benchmarks.real.summary import KIND as RECORDINGS
from benchmarks.real.summary import as_json
from benchmarks.results_page import index, plot, plot_path, plotted, results_page
from distill.errors import UserError
from distill.storage import content_hash, read_json, write_json
from tests.benchmarks.real.test_recordings import row as judged
from tests.benchmarks.runs_example import write_run


def test_the_documents_numbers_are_those_of_the_kept_results():
    for path, text in current().items():
        assert path.read_text(encoding="utf-8") == text


def test_every_plot_was_drawn_from_the_kept_results():
    for entry in index():
        kept = FOLDER / f"{entry['name']}.json"
        if kept.exists() and plotted(entry, read_json(kept)["kind"]):
            with Image.open(plot_path(entry)) as image:
                assert image.info["Description"] == content_hash(read_json(kept))


ROWS = [
    "neutral", "mean", "regression", "teacher-16", "teacher-4", "teacher-2", "teacher-1",
    "student-16", "student-8", "student-4", "student-2", "student-1",
]  # fmt: skip


def test_the_kept_results_are_of_the_default_budget_and_complete_or_withdrawn():
    if DEFAULT.exists():
        assert [row.name for row in read_kept(DEFAULT)[0].results.rows] == ROWS
    else:
        assert "has not been measured" in README.read_text(encoding="utf-8")


def test_without_a_default_run_the_readme_says_so_and_gives_the_command():
    assert "python -m benchmarks.document run=DIR" in block(None)


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
    lines = [x for x in text.splitlines() if x.startswith("| student-2 | distill.method=")]
    line = [x for x in lines if "=prog" in x][-1]  # of the last table, that of lips
    assert "| 24.2 ± 11 |" in line  # 16.1 and 2 x 16.1
    other = [x for x in lines if "=regr" in x][-1]
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


def test_real_recordings_are_reported_file_by_file_with_a_verdict_on_their_means(tmp_path):
    rows = [judged(sync_r=0.9), judged(name="b.wav", sync_r=0.5, bilabials=2, closed=1)]
    about = {"kind": RECORDINGS, "model": "small", "sha256": "ab" * 32, "commit": "0123456789ab"}
    write_json(tmp_path / "real.json", about | as_json(rows, {"widest_gap_mm": 0.1}))
    write_json(tmp_path / "index.json", [{"name": "real", "title": "T", "question": "Why?"}])
    text = results_page(tmp_path)
    assert "| sync_r en | >= 0.75 | no | " in text and "| closed | >= 0.6 | no | " in text
    assert "| speech_aligned/b.wav | en val | 1.0 | 0.50 |" in text and "2 files" in text
    assert "widest_gap_mm 0.10" in text and "abababababab" in text and "0123456789ab" in text


def test_pictures_of_an_entry_are_shown_with_their_captions(page):
    entries = [entry | {"pictures": {"c.png": "Three recordings"}} for entry in index(page)]
    write_json(page / "index.json", entries)
    assert results_page(page).count("![Three recordings](results/c.png)") == 1


def test_a_page_without_an_index_is_refused(page):
    shutil.rmtree(page)
    with pytest.raises(UserError, match=r"index\.json does not exist"):
        results_page(page)
