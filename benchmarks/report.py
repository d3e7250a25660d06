"""The report of a run, made from `results.json` and the pictures beside it: page and plot."""

from collections.abc import Collection
from pathlib import Path

from benchmarks.pareto import plot_pareto
from benchmarks.results import Results, read_results
from benchmarks.tables import Table, all_tables, number
from distill.storage import write_text

VIDEO, SHEET, PLOT = "teacher-vs-student.mp4", "teacher-vs-student.png", "pareto.png"
CURVES = "curves.png"


def write_report(results_path: Path) -> Path:
    """Write `report.md` and `pareto.png` beside a results file and return the page."""
    results_path = Path(results_path)
    results = read_results(results_path)
    folder = results_path.parent
    plot_pareto(results, folder / PLOT)
    made = [
        (CURVES, "Curves of one test clip: real motion, teacher, exported student, regression"),
        (SHEET, "Real, teacher and student on one sentence"),
    ]
    pictures = [(name, caption) for name, caption in made if (folder / name).exists()]
    pictures.append((PLOT, "LVE against latency"))
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
    note = ["", table.note] if table.note else []
    return "\n".join([f"## {table.title}", "", *rows, *note])


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
