"""The report of a run, made from `results.json` alone: page, plot and tables on screen."""

from collections.abc import Collection
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.pareto import plot_pareto
from benchmarks.results import Results, read_results
from benchmarks.tables import Table, all_tables, number, reach_table, summary_table
from distill.storage import write_text

VIDEO, SHEET, PLOT = "teacher-vs-student.mp4", "teacher-vs-student.png", "pareto.png"


def write_report(results_path: Path) -> Path:
    """Write `report.md` and `pareto.png` beside a results file and return the page."""
    results_path = Path(results_path)
    results = read_results(results_path)
    folder = results_path.parent
    plot_pareto(results, folder / PLOT)
    pictures = [(PLOT, "LVE against latency")]
    if (folder / SHEET).exists():
        pictures.append((SHEET, "Real, teacher and student on one sentence"))
    write_text(folder / "report.md", page(results, pictures, video=(folder / VIDEO).exists()))
    return folder / "report.md"


def page(results: Results, pictures: list[tuple[str, str]], *, video: bool = False) -> str:
    """Return the page as Markdown; every number on it comes from `results`."""
    parts = [f"# Report of {results.run}", _facts(results)]
    parts += [f"![{caption}]({name})" for name, caption in pictures]
    parts += [f"Video: [{VIDEO}]({VIDEO})"] if video else []
    parts += [markdown(table) for table in all_tables(results)]
    return "\n\n".join(parts) + "\n"


def markdown(table: Table, best: Collection[tuple[int, int]] = ()) -> str:
    """Return a table as Markdown under its title; cells (line, column) in `best` are bold."""
    body = [
        tuple(f"**{cell}**" if (i, j) in best else cell for j, cell in enumerate(line))
        for i, line in enumerate(table.body)
    ]
    lines = [table.head, ("---",) * len(table.head), *body]
    rows = [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    ]
    return "\n".join([f"## {table.title}", "", *rows])


def show(results: Results, console: Console | None = None) -> None:
    """Print targets and a summary of the test split as tables on the screen."""
    console = console or Console()
    for table in (summary_table(results), reach_table(results)):
        console.print(rich_table(table))


def rich_table(table: Table, best: Collection[tuple[int, int]] = ()) -> RichTable:
    """Return a table for the screen; cells (line, column) in `best` are set off by a star."""
    drawn = RichTable(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD)
    drawn.padding, drawn.pad_edge = (0, 0, 0, 1), False
    for index, name in enumerate(table.head):
        drawn.add_column(escape(name), justify="right" if index else "left", no_wrap=True)
    for i, line in enumerate(table.body):
        cells = map(escape, line)
        drawn.add_row(*(f"[bold]*{c}[/]" if (i, j) in best else c for j, c in enumerate(cells)))
    return drawn


def _facts(results: Results) -> str:
    reference = ", ".join(f"{k} {number(v)}" for k, v in results.reference.items())
    facts = {
        "commit": results.commit or "unknown",
        "config": results.config_hash,
        "data": results.data_hash,
        "device": f"{results.device}, {results.threads} threads",
        "reference": reference or "not measured",
        "protocol": ", ".join(f"{k} {v}" for k, v in results.protocol.items()),
    }
    return "\n".join(f"* {name}: {value}" for name, value in facts.items())
