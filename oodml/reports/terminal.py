"""The table in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from oodml.reports.caption import MARK, caption, metric_text
from oodml.reports.cells import CellText, Heading, RowTexts, headings, row_texts
from oodml.reports.remarks import remarks
from oodml.reports.summary import Summary

_FILE_WIDTH = 120
_METHOD_WIDTH = 30
_LEAST_METHOD_WIDTH = 22
_FRAME = 3  # a column's rule and the space on both sides of its text


def terminal_table(summary: Summary, width: int = _FILE_WIDTH, headed: bool = False) -> Group:
    """A rich renderable: the table, its caption and the remarks.

    Where the terminal is narrow, ± and intervals stand on lines of their own; where even that does
    not fit, the columns are parted among several tables, so that no number is ever cut.

    Args:
        width: of the terminal.
        headed: name the setting above the table, where others stand around it.
    """
    heads, rows = headings(summary), row_texts(summary)
    names = _on_lines([row.title for row in rows], [row.label for row in summary.methods])
    marked = [any(row.cells[index].tied for row in rows) for index in range(len(heads))]
    texts = [[_cell(c, m, width) for c, m in zip(r.cells, marked, strict=True)] for r in rows]
    needed = [
        _FRAME
        + max(_longest_word(column_head), *(_longest_word(row[index].plain) for row in texts))
        for index, column_head in enumerate(map(_heading, heads))
    ]
    method = _FRAME + max(len(line) for name in names for line in name.splitlines())
    parts: list[RenderableType] = []
    if headed:
        parts.append(Padding(Text(summary.heading, style="bold underline"), (1, 0, 0, 0)))
    parts.append(Text(f"{metric_text(summary)} on {summary.context['dataset']}", style="italic"))
    for columns in _blocks(needed, width - method - 1):
        parts.append(_table(summary, heads, rows, names, texts, columns))
    parts += [Text(text, style="dim") for text in [caption(summary), *remarks(summary)]]
    return Group(*parts)


def print_table(*summaries: Summary, console: Console | None = None) -> None:
    """Print the tables one after the other, with a heading each where there are several."""
    if console is None:
        console = Console()
        if not console.is_terminal:
            console.width = _FILE_WIDTH  # no one reads a file through an 80-column window
    for summary in summaries:
        console.print(terminal_table(summary, console.width, headed=len(summaries) > 1))


def _table(
    summary: Summary,
    heads: Sequence[Heading],
    rows: Sequence[RowTexts],
    names: Sequence[str],
    texts: Sequence[Sequence[Text]],
    columns: Sequence[int],
) -> Table:
    table = Table()
    table.add_column("method", no_wrap=True)
    for index in columns:
        # intervals have their lines already
        keep = heads[index].name == "AGS"
        table.add_column(
            Text(_heading(heads[index]), justify="right"), justify="right", no_wrap=keep
        )
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        last_method = row.row.forward and place + 1 < len(rows) and not rows[place + 1].row.forward
        style = "italic" if summary.is_reference(row.row) else ""
        cells = [texts[place][index] for index in columns]
        table.add_row(Text(name, style=style), *cells, end_section=last_method)
    return table


def _blocks(needed: Sequence[int], room: int) -> list[list[int]]:
    """Columns parted into as few runs as fit the room, about equally many in each."""
    for count in range(1, len(needed) + 1):
        size = -(-len(needed) // count)
        blocks = [
            list(range(start, min(start + size, len(needed))))
            for start in range(0, len(needed), size)
        ]
        if all(sum(needed[index] for index in block) <= room for block in blocks):
            return blocks
    return [[index] for index in range(len(needed))]


def _on_lines(titles: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The titles on lines no wider than the widest label, nor than a third of a terminal."""
    width = min(_METHOD_WIDTH, max([_LEAST_METHOD_WIDTH, *map(len, labels)]))
    return ["\n".join(textwrap.wrap(title, width, break_on_hyphens=False)) for title in titles]


def _heading(head: Heading) -> str:
    return head.name + (f"\nshift {head.shift}" if head.shift else "")


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split()), default=0)


def _cell(cell: CellText, marked: bool, width: int) -> Text:
    # in a column with marks, numbers without one keep its place free
    mark = (MARK if cell.tied else " ") if marked else ""
    text = cell.text(" ±")
    if width < _FILE_WIDTH:
        text = text.replace(" [", "\n[").replace(", ", ",")
    return Text(text + mark, style="bold green" if cell.best else "")
