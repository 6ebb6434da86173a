"""The table in the terminal."""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from oodml.reports.formats import entry_text
from oodml.reports.remarks import remarks
from oodml.reports.summary import Summary

_FILE_WIDTH = 120


def terminal_table(summary: Summary) -> Group:
    """A rich renderable: the table, its caption and the remarks."""
    table = Table(
        title=f"{summary.metric} (%) on {summary.context['dataset']}", title_justify="left"
    )
    table.add_column("method", no_wrap=True)
    for column in summary.levels:
        heading = Text(f"level {column.level}\nshift {column.shift:.4g}", justify="right")
        table.add_column(heading, justify="right")  # narrow terminals put ± on a line of its own
    best = {column.level: summary.best(column.level) for column in summary.levels}
    for label in summary.labels:
        cells = [
            Text(
                entry_text(summary.entries.get((label, column.level)), " ±"),
                style="bold green" if label in best[column.level] else "",
            )
            for column in summary.levels
        ]
        table.add_row(Text(label, style="italic" if label in summary.reference else ""), *cells)
    lines = [Text(text, style="dim") for text in [summary.caption, *remarks(summary)]]
    return Group(table, *lines)


def print_table(summary: Summary, console: Console | None = None) -> None:
    console = console or Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)  # no one reads a file through an 80-column window
    console.print(terminal_table(summary))
