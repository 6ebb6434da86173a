"""The table in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from oodml.reports.caption import MARK, caption, metric_text
from oodml.reports.cells import CellText, headings, row_texts
from oodml.reports.remarks import remarks
from oodml.reports.summary import Summary

_FILE_WIDTH = 120
_METHOD_WIDTH = 30


def terminal_table(summary: Summary, width: int = _FILE_WIDTH, headed: bool = False) -> Group:
    """A rich renderable: the table, its caption and the remarks.

    Args:
        width: of the terminal; below 120 columns an interval stands on a line of its own.
        headed: name the setting above the table, where others stand around it.
    """
    title = f"{metric_text(summary)} on {summary.context['dataset']}"
    table = Table(title=Text(title), title_justify="left")
    rows = row_texts(summary)
    names = _wrapped([row.title for row in rows], [row.label for row in summary.methods])
    # names and intervals have their lines; where it is narrow, rich puts ± on another
    table.add_column("method", no_wrap=True)
    heads = headings(summary)
    for head in heads:
        shift = f"\nshift {head.shift}" if head.shift else ""
        table.add_column(
            Text(head.name + shift, justify="right"), justify="right", no_wrap=head.name == "AGS"
        )
    marked = [any(row.cells[index].tied for row in rows) for index in range(len(heads))]
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        last_method = row.row.forward and place + 1 < len(rows) and not rows[place + 1].row.forward
        table.add_row(
            Text(name, style="italic" if summary.is_reference(row.row) else ""),
            *(_cell(cell, mark, width) for cell, mark in zip(row.cells, marked, strict=True)),
            end_section=last_method,
        )
    lines = [Text(text, style="dim") for text in [caption(summary), *remarks(summary)]]
    heading = (
        [Padding(Text(summary.setting, style="bold underline"), (1, 0, 0, 0))] if headed else []
    )
    return Group(*heading, table, *lines)


def print_table(*summaries: Summary, console: Console | None = None) -> None:
    """Print the tables one after the other, with a heading each where there are several."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(width=_FILE_WIDTH)  # no one reads a file through an 80-column window
    for summary in summaries:
        console.print(terminal_table(summary, console.width, headed=len(summaries) > 1))


def _wrapped(titles: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The titles on lines no wider than the widest label, nor than a third of a terminal."""
    width = min(_METHOD_WIDTH, max([12, *map(len, labels)]))
    return ["\n".join(textwrap.wrap(title, width, break_on_hyphens=False)) for title in titles]


def _cell(cell: CellText, marked: bool, width: int) -> Text:
    # in a column with marks, numbers without one keep its place free
    mark = (MARK if cell.tied else " ") if marked else ""
    text = cell.text(" ±")
    if width < _FILE_WIDTH:
        text = text.replace(" [", "\n[").replace(", ", ",")
    return Text(text + mark, style="bold green" if cell.best else "")
