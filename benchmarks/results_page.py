"""`benchmarks/RESULTS.md`: every kept set of results as tables, plot, commands and commits."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.collect import FOLDER, KIND, KeptRun, groups_of, read_kept
from benchmarks.figures import draw_pareto
from benchmarks.live import KIND as LIVE
from benchmarks.live import live_tables
from benchmarks.packed import KIND as PACKED
from benchmarks.packed import packed_tables
from benchmarks.page import KIND as PAGE
from benchmarks.page import page_tables
from benchmarks.real.summary import KIND as RECORDINGS
from benchmarks.real.summary import file_table, from_json, mean_table, silence_line
from benchmarks.report import markdown
from benchmarks.results import Results
from benchmarks.retarget import KIND as RETARGET
from benchmarks.retarget import retarget_tables
from benchmarks.side_by_side import side_by_side
from benchmarks.tables import Table, compressed_table, reach_table, speed_table, summary_tables
from benchmarks.training import KIND as TRAINING
from benchmarks.training import plot_training, training_tables
from distill.drawing import png
from distill.storage import content_hash, read_json

INDEX, DIGEST_SHOWN = "index.json", 12
PLOT_IN = (7.2, 4.6)
HEAD = """# Results

Made by `python -m benchmarks.document` from the files in [results/](results/); no number here is
typed by hand. Formulas and units of the columns are in every run's `report/report.md`. The best
model of a column is bold; `neutral` and `mean` never move and do not compete.
"""
MEASURED: Mapping[str, Callable[[Any], list[Table]]] = {
    LIVE: live_tables,
    PACKED: packed_tables,
    PAGE: page_tables,
    RETARGET: retarget_tables,
    TRAINING: training_tables,
}
"""Kinds of results that one command of its own measures, and their tables."""
PLOTS: Mapping[str, Callable[..., Path]] = {TRAINING: plot_training}
Entry = Mapping[str, Any]


def results_page(folder: Path = FOLDER) -> str:
    """Return the page made from an index and the results files beside it."""
    return "\n\n".join([HEAD.strip(), *(section(entry, folder) for entry in index(folder))]) + "\n"


def index(folder: Path = FOLDER) -> list[Entry]:
    """Return the entries of the page: `name`, `title`, `question` and the `rows` to show.

    Runs are also plotted over their speed, unless `plot` is false. `pictures` are files beside the
    index, each with its caption.
    """
    return read_json(folder / INDEX)


def section(entry: Entry, folder: Path) -> str:
    """Return one entry of the page; one without results says how they are added."""
    path = folder / f"{entry['name']}.json"
    parts = [f"## {entry['title']}", entry["question"]]
    if not path.exists():
        parts.append(
            f"Not measured yet; `python -m benchmarks.collect {entry['name']} runs/...` adds it."
        )
    else:
        parts += _kept(entry, path)
        shown = entry.get("pictures", {}).items()
        parts += [f"![{caption}](results/{name})" for name, caption in shown]
    return "\n\n".join(parts)


def single_run_tables(results: Results) -> list[Table]:
    """Return what one run has beyond its rows: the targets, and speed at one and two threads."""
    return [reach_table(results), speed_table(results)]


def readme_tables(results: Results, shipped: Results | None) -> str:
    """Return the tables of the README: the default run, and the student that ships."""
    tables = [*summary_tables(results), *single_run_tables(results)]
    return _tables(tables if shipped is None else [*tables, compressed_table(shipped)])


def plot(entry: Entry, folder: Path) -> Path | None:
    """Draw the plot of an entry from its file, whose hash it keeps; None where there is none."""
    path, out = folder / f"{entry['name']}.json", plot_path(entry, folder)
    if not path.exists():
        return None
    value = read_json(path)
    about = content_hash(value)
    if not plotted(entry, value["kind"]):
        return None
    if value["kind"] in PLOTS:
        return PLOTS[value["kind"]](value, out, about=about)
    draw: Callable[[Any], None] = partial(
        draw_pareto, groups=groups_of(read_kept(path)), rows=entry.get("rows")
    )
    return png(draw, out, size_in=PLOT_IN, about=about)


def plotted(entry: Entry, kind: str) -> bool:
    """Return whether an entry of results of a kind has a plot."""
    return kind in PLOTS or (kind == KIND and entry.get("plot", True))


def plot_path(entry: Entry, folder: Path = FOLDER) -> Path:
    """Return where the plot of an entry lies."""
    return folder / f"{entry['name']}-plot.png"


def _kept(entry: Entry, path: Path) -> list[str]:
    value = read_json(path)
    if value["kind"] == KIND:
        return _runs(entry, read_kept(path))
    return (_recordings if value["kind"] == RECORDINGS else _measured)(entry, value)


def _recordings(entry: Entry, value: Mapping[str, Any]) -> list[str]:
    rows = from_json(value)
    many = _tables([file_table(rows)])
    command = f"python -m benchmarks.recordings --checkpoint students/pretrained/{value['model']}"
    about = f"weights `{value['sha256'][:DIGEST_SHOWN]}`"
    return [
        f"Model `{value['model']}`, {about}; {silence_line(value['silence'])}.",
        _tables([mean_table(rows)]),
        f"<details><summary>{len(rows)} files</summary>\n\n{many}\n\n</details>",
        _commands([f"{command}  # commit {value['commit']}"]),
    ]


def _runs(entry: Entry, kept: Sequence[KeptRun]) -> list[str]:
    first = kept[0].results
    shown = side_by_side(
        groups_of(kept),
        where=f"test split, {first.splits.get('test', 0)} clips",
        rows=entry.get("rows", ()),
    )
    several = len({run.seed for run in kept}) > 1
    over = "over training seeds where a line has several, else " if several else ""
    facts = f"Data `{first.data_hash}`, {first.device}. Spreads are {over}over sampling seeds."
    parts = [facts, *(markdown(s.table, s.best).replace("## ", "### ", 1) for s in shown)]
    parts += [_image(entry)] if plotted(entry, KIND) else []
    if len(kept) == 1:
        parts.append(_tables(single_run_tables(first)))
    made = [f"{run.command}  # {run.label}, commit {run.results.commit}" for run in kept]
    return [*parts, _commands(made)]


def _measured(entry: Entry, value: Mapping[str, Any]) -> list[str]:
    made = _commands([f"{value['command']}  # commit {value['commit']}"])
    picture = [_image(entry)] if plotted(entry, value["kind"]) else []
    return [_tables(MEASURED[value["kind"]](value)), *picture, made]


def _tables(tables: Sequence[Table]) -> str:
    return "\n\n".join(markdown(table).replace("## ", "### ", 1) for table in tables)


def _image(entry: Entry) -> str:
    return f"![{entry['title']}: plot](results/{plot_path(entry).name})"


def _commands(lines: Sequence[str]) -> str:
    return "\n".join(["Made by:", "", "```", *lines, "```"])
