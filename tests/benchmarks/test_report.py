import re
from dataclasses import replace
from io import StringIO

from rich.console import Console

from benchmarks.report import CURVES, markdown, page, write_report
from benchmarks.results import write_results
from benchmarks.screen import show
from benchmarks.tables import Table, number, quality_tables, speed_table, summary_tables
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


def test_how_to_read_a_table_stands_below_it():
    table = Table(title="t", head=("a",), body=(("1",),), note="Less is more.")
    assert markdown(table).endswith("| 1 |\n\nLess is more.")


def test_bars_inside_cells_are_escaped():
    table = Table(title="t", head=("a",), body=(("||x||",),))
    assert "\\|\\|x\\|\\|" in markdown(table)


def test_rows_without_a_model_have_no_speed():
    names = [line[0] for line in speed_table(example()).body]
    assert "neutral" not in names
    assert "teacher-16" in names


def test_the_teacher_in_fewer_steps_is_judged_but_not_timed():
    names = [line[0] for line in speed_table(example()).body]
    assert "teacher-16" in names and "teacher-4" not in names
    assert any(line[0] == "teacher-4" for line in quality_tables(example(), "test")[0].body)


def test_the_summary_leads_with_motion_and_shows_recorded_motion_as_the_floor():
    motion, alike, match, lips = summary_tables(example())
    assert motion.head[1:6] == ("jitter\nmouth", "\nbrows", "\neyes", "\nblink", "\nhead")
    for table in (motion, alike, lips):
        assert table.body[-1][0] == "recorded"
    assert dict(zip(alike.head, alike.body[-1], strict=True))["fmd"] == "4 (1x)"
    assert "sees neither trembling" in lips.note
    untaught = {"neutral", "mean", "teacher-16", "recorded"}
    assert not untaught & {line[0] for line in match.body}


def test_distances_stand_beside_their_floor():
    results = example()
    twice = replace(results.rows[3].metrics["fmd"], mean=8.0)
    rows = [replace(row, metrics=row.metrics | {"fmd": twice}) for row in results.rows]
    body = summary_tables(replace(results, rows=rows))[1].body
    assert body[3][3] == "8 (2x)"


def test_results_from_before_these_measures_are_still_shown():
    results = example()
    old = [
        replace(row, metrics={"lve": row.metrics["lve"], "eve": row.metrics["eve"]})
        for row in results.rows
        if row.name not in ("teacher-4", "teacher-2", "teacher-1")
    ]
    results = replace(results, rows=old, recorded={}, protocol={"seeds": [0], "audio_s": 10.0})
    (lips,) = summary_tables(results)
    assert lips.head == ("row", "lve\nmm^2", "p50\nms", "size\nMB")
    assert "teacher-16 jitter 0.75-1.25, every part | not measured" in page(results, [])


def test_pictures_that_were_made_are_on_the_page(tmp_path):
    write_results(tmp_path / "results.json", example())
    assert CURVES not in write_report(tmp_path / "results.json").read_text()
    (tmp_path / CURVES).write_bytes(b"a picture")
    assert f"]({CURVES})" in write_report(tmp_path / "results.json").read_text()


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
