"""Tables on the screen."""

from collections.abc import Collection

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.results import Results
from benchmarks.tables import Table, reach_table, summary_tables

PIPED_COLUMNS = 200  # a file or a pipe has no edge, so no table is cut there


def console() -> Console:
    """Return the screen, or what stands for it when output goes to a file or a pipe."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=PIPED_COLUMNS)


def rich_table(table: Table, best: Collection[tuple[int, int]] = ()) -> RichTable:
    """Return a table for the screen; cells (line, column) in `best` are set off by a star."""
    drawn = RichTable(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD)
    drawn.caption, drawn.caption_justify = escape(table.note) or None, "left"
    drawn.padding, drawn.pad_edge = (0, 0, 0, 1), False
    for index, name in enumerate(table.head):
        if index:
            drawn.add_column(escape(name), justify="right", no_wrap=True)
        else:  # names and targets are broken before a figure is cut off
            drawn.add_column(escape(name), justify="left", overflow="fold")
    for i, line in enumerate(table.body):
        cells = map(escape, line)
        drawn.add_row(*(f"[bold]*{c}[/]" if (i, j) in best else c for j, c in enumerate(cells)))
    return drawn


def show(results: Results, screen: Console | None = None) -> None:
    """Print a summary of the test split and the targets."""
    screen = screen or console()
    for table in (*summary_tables(results), reach_table(results)):
        screen.print(rich_table(table))
