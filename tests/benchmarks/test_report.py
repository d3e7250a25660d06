import re
from dataclasses import replace
from io import StringIO

from rich.console import Console

from benchmarks.report import markdown, page, write_report
from benchmarks.results import write_results
from benchmarks.screen import show
from benchmarks.tables import Table, number, quality_tables, speed_table
from tests.benchmarks.results_example import example


def test_the_page_is_made_from_the_results_file_alone(tmp_path):
    write_results(tmp_path / "results.json", example())
    first = write_report(tmp_path / "results.json").read_text()
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
    changed = replace(example(), data_hash="beef")
    write_results(tmp_path / "results.json", changed)
    assert write_report(tmp_path / "results.json").read_text() == first.replace("da7a", "beef")


def test_the_page_shows_every_row_metric_split_and_hash():
    text = page(example(), [])
    for row in example().rows:
        assert text.count(f"| {row.name} |") >= 4
    for name, spec in example().formulas.items():
        assert f"{name} [{spec['unit']}]" in text
    for table in quality_tables(example(), "test_unseen"):
        assert "test_unseen split, 16 clips, data da7a" in table.title


def test_all_rows_of_a_table_have_as_many_cells_as_its_head():
    text = page(example(), [])
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1


def test_bars_inside_cells_are_escaped():
    table = Table(title="t", head=("a",), body=(("||x||",),))
    assert "\\|\\|x\\|\\|" in markdown(table)


def test_rows_without_a_model_have_no_speed():
    names = [line[0] for line in speed_table(example()).body]
    assert "neutral" not in names
    assert "teacher-16" in names


def test_training_cost_is_shown_where_it_is_known():
    assert "Network calls in training" not in page(example(), [])
    results = example()
    rows = [replace(row, calls={"teacher": 2900, "student": 7}) for row in results.rows[-1:]]
    assert "| student-1 | 2,900 | 7 |" in page(
        replace(results, rows=[*results.rows[:-1], *rows]), []
    )


def test_numbers_keep_four_digits_and_unknown_is_a_dash():
    assert [number(v) for v in (None, 0.0, 1234.4, 0.00012345)] == ["-", "0", "1,234", "0.0001234"]


def test_the_screen_shows_targets_and_a_summary_in_80_columns():
    console = Console(record=True, width=80, file=StringIO())
    show(example(), console)
    text = console.export_text()
    names = [row.name for row in example().rows]
    assert all(word in text for word in ("Reach", "lve", "mm^2", "p50", "da7a", *names))
    assert "…" not in text
