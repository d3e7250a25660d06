import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from benchmarks.compare import comparison, main
from benchmarks.compared import config_differences, disagreements, read_runs
from benchmarks.figures import draw_pareto, student_of
from benchmarks.report import VIDEO
from benchmarks.side_by_side import TABLES, Point, best_lines, cost_of, side_by_side, written
from tests.benchmarks.results_example import LEVELS, example
from tests.benchmarks.runs_example import write_run

LOADING = {"src", "poster", "data", "action", "srcset", "background"}


class Page(HTMLParser):
    """Collects what a browser would load and show."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.ids, self.tags, self.rows = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        for key, value in attrs:
            if key in LOADING or (key in ("href", "xlink:href") and tag not in ("a",)):
                self.loads.append(value)
            if key == "id":
                self.ids.append(value)
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        if data.strip() and self.rows:
            self.rows[-1].append(data.strip())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    first = write_run(root / "first")
    second = write_run(root / "second", lve=0.5, seed=1, distill={"weights": {"gt": 4.0}})
    (first / "report" / VIDEO).write_bytes(b"a video")
    return [first, second]


@pytest.fixture(scope="module")
def text(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "compare.html"
    assert main([*map(str, folders), "--out", str(out)]) == 0
    return out.read_text(encoding="utf-8")


def test_the_page_loads_nothing_from_anywhere(text):
    loads = Page(text).loads
    assert loads and all(one.startswith(("data:", "#")) for one in loads)
    assert not re.search(r"@import|url\((?!#)", text)
    assert "default-src 'none'" in text


def test_the_page_shows_every_row_of_every_run(text):
    lines = {tuple(row[:2]) for row in Page(text).rows}
    assert lines >= {(name, label) for name in LEVELS for label in ("first", "second")}


def test_tables_can_be_reached_and_scrolled_by_keyboard(text):
    tags = Page(text).tags
    regions = [attrs for tag, attrs in tags if attrs.get("class") == "scroll"]
    assert len(regions) == sum(tag == "table" for tag, _ in tags) > 0
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in regions)


def test_ids_are_unique_and_references_find_them(text):
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    used = [one[1:] for one in page.loads if one.startswith("#")]
    used += re.findall(r"url\(#([^)]+)\)", text)
    used += [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(used) <= set(page.ids)


def test_the_video_is_inside_and_its_absence_is_said(text):
    assert f"data:video/mp4;base64,{base64.b64encode(b'a video').decode()}" in text
    assert "(<code>benchmark.video=true</code> makes one): second." in text
    assert text.count("<video") == 1


def test_curves_of_every_stage_and_settings_that_differ_are_shown(text):
    for words in ("round_00_16to16", "teacher", "distill.weights.gt", "0123456789ab", "abababab"):
        assert words in text


def test_cards_bring_neither_code_nor_pictures(text):
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not any(tag == "img" for tag, _ in Page(text).tags)


def test_the_best_model_of_a_column_is_marked_and_a_still_face_is_none(folders):
    found = comparison(read_runs(folders))[-1]
    lve = next(i for i, head in enumerate(found.table.head) if head.startswith("lve\n"))
    (line,) = [line for line, column in found.best if column == lve]
    assert found.table.body[line][:2] == ("teacher-16", "second")
    closure = next(i for i, head in enumerate(found.table.head) if head.startswith("closure"))
    assert not [line for line, column in found.best if column == closure]


def test_rows_that_are_the_same_in_all_runs_are_one_line():
    first, second = example(), example()
    lve = second.rows[-1].metrics["lve"]
    changed = replace(lve, mean=lve.mean + 1.0)
    second.rows[-1] = replace(second.rows[-1], metrics={"lve": changed})
    table = side_by_side({"a": [first], "b": [second]}, where="")[-1].table
    labels = {}
    for line in table.body:
        labels.setdefault(line[0], []).append(line[1])
    last = second.rows[-1].name
    assert labels.pop(last) == ["a", "b"]
    assert set(map(tuple, labels.values())) == {("all",)}


def test_runs_that_export_other_steps_were_measured_alike(tmp_path):
    protocol = example().protocol
    other = {"protocol": protocol | {"export_steps": 1}}
    runs = read_runs([write_run(tmp_path / "a"), write_run(tmp_path / "b", results=other)])
    assert disagreements(runs) == []
    fewer = {"protocol": protocol | {"seeds": [0]}}
    assert disagreements([runs[0], *read_runs([write_run(tmp_path / "c", results=fewer)])])


def test_motion_comes_first_and_old_results_without_it_have_one_table():
    groups = {"a": [example()]}
    titles = [shown.table.title for shown in side_by_side(groups, where="here")]
    assert [title.partition(":")[0] for title in titles] == list(TABLES)
    old = [
        replace(row, metrics={name: row.metrics[name] for name in ("lve", "closure")})
        for row in example().rows
    ]
    results = replace(example(), rows=old, recorded={}, protocol={"seeds": [0]})
    (only,) = side_by_side({"a": [results]}, where="here")
    assert {line[0] for line in only.table.body} == set(LEVELS)


def test_the_best_jitter_is_the_one_nearest_to_one():
    assert best_lines([Point(mean=m) for m in (0.5, 0.9, 1.3, 40.0)], "one") == [1]
    assert best_lines([Point(mean=m) for m in (0.5, 0.9, 1.3, 40.0)], "recorded") == []


def test_calls_of_training_stand_beside_every_model():
    results = example()
    rows = [replace(row, calls={"teacher": 12, "student": 34}) for row in results.rows[-1:]]
    table = side_by_side({"a": [replace(results, rows=rows)]}, where="")[-1].table
    costs = dict(zip(table.head, table.body[0], strict=True))
    assert costs["teacher\ncalls"] == "12" and costs["student\ncalls"] == "34"


def test_a_spread_that_is_only_rounding_is_not_written():
    assert written(Point(mean=0.848, std=1.4e-16), True) == "0.848"
    assert written(Point(mean=0.848, std=0.01), True) == "0.848 ± 0.01"


def test_without_timings_errors_are_drawn_against_steps():
    results = example()
    assert cost_of({"a": [results]}) == "latency"
    untimed = replace(results, rows=[replace(row, speed=None) for row in results.rows])
    assert cost_of({"a": [untimed]}) == "steps"
    axes = Figure().add_subplot()
    draw_pareto(axes, {"a": [untimed]})
    assert {"16", "2", "1"} <= {tick.get_text() for tick in axes.get_xticklabels()}


def test_what_runs_share_is_drawn_once_and_forms_have_lines_of_their_own():
    def drawn(groups):
        axes = Figure().add_subplot()
        draw_pareto(axes, groups)
        return sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o")

    assert drawn({"a": [example()], "b": [example()]}) == drawn({"a": [example()]}) > 3
    assert student_of("student-2-onnx-int8") == ("2", "onnx-int8")
    assert student_of("student-16") == ("16", "") and student_of("teacher-16") == ("", "")


def test_settings_that_cannot_change_results_do_not_count(tmp_path):
    runs = read_runs([write_run(tmp_path / "a"), write_run(tmp_path / "b", run={"dir": "x"})])
    assert config_differences(runs) == {}
    assert disagreements(runs) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"results": {"data_hash": "beef"}}, "data is da7a in a and beef in b"),
        ({"rig": {"name": "ict"}}, "rig is arkit in a and ict in b"),
        ({"results": {"protocol": {"seeds": [0], "audio_s": 10.0}}}, "protocol.seeds"),
        ({"results": {"splits": {"test": 8, "test_unseen": 16}}}, "clips.test is 32 in a and 8"),
    ],
)
def test_what_is_not_comparable_is_refused_in_one_sentence_unless_forced(
    tmp_path, change, words, capsys
):
    runs = [str(write_run(tmp_path / "a")), str(write_run(tmp_path / "b", **change))]
    out = tmp_path / "page.html"
    assert main([*runs, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not out.exists()
    assert main([*runs, "--out", str(out), "--force"]) == 0
    assert "not comparable" in out.read_text()


def test_how_long_was_timed_does_not_matter(tmp_path):
    protocols = [{"results": {"protocol": {"timing_s": s}}} for s in (1.5, 8.0)]
    folders = [write_run(tmp_path / str(i), **p) for i, p in enumerate(protocols)]
    assert disagreements(read_runs(folders)) == []


def test_a_run_that_is_no_run_unmeasured_or_given_twice_is_refused(tmp_path, capsys):
    folder = write_run(tmp_path / "a")
    assert main([str(tmp_path)]) == 2
    assert "not a run directory" in capsys.readouterr().err
    assert main([str(folder), str(folder)]) == 2
    assert "given twice" in capsys.readouterr().err
    (folder / "report" / "results.json").unlink()
    assert main([str(folder)]) == 2
    assert "benchmarks.run run=" in capsys.readouterr().err


def test_a_single_run_is_a_comparison_too(tmp_path, capsys):
    folder = write_run(tmp_path / "only")
    assert main([str(folder), "--out", str(tmp_path / "p.html")]) == 0
    printed = capsys.readouterr().out
    assert all(row.name in printed for row in example().rows)
