"""The table in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from oodml.core.console import output
from oodml.core.text import one_line
from oodml.reports.caption import MARK, caption, metric_text
from oodml.reports.cells import CellText, Heading, RowTexts, headings, row_texts
from oodml.reports.remarks import remarks
from oodml.reports.summary import Summary

FILE_WIDTH = 120
_METHOD_WIDTH = 30
_LEAST_METHOD_WIDTH = 22
_FRAME = 3  # a column's rule and the space on both sides of its text


def terminal_table(
    summary: Summary,
    width: int = FILE_WIDTH,
    headed: bool = False,
    intervals: bool | None = None,
) -> Group:
    """A rich renderable: the table, its caption and the remarks.

    Where the terminal is narrow, intervals and then ± stand on lines of their own; where even that
    does not fit, the columns are parted among several tables, so that no number is ever cut.

    Args:
        width: of the terminal.
        headed: name the setting above the table, where others stand around it.
        intervals: show the interval of each value; None: unless the table is parted for them.
    """
    if intervals is False:
        summary = summary.without_intervals()
    heads, rows = headings(summary), row_texts(summary)
    names = method_lines([row.title for row in rows], [row.label for row in summary.methods])
    method = _FRAME + max(len(line) for name in names for line in name.splitlines())
    texts, blocks = _layout(heads, rows, width - method - 1)
    if intervals is None and summary.intervals and len(blocks) > 1:
        plain = summary.without_intervals()
        shorter = row_texts(plain)
        if len(_layout(heads, shorter, width - method - 1)[1]) < len(blocks):
            return terminal_table(plain, width, headed)
    parts: list[RenderableType] = []
    if headed:
        parts.append(Padding(Text(one_line(summary.heading), style="bold underline"), (1, 0, 0, 0)))
    parts.append(
        Text(one_line(f"{metric_text(summary)} on {summary.context['dataset']}"), style="italic")
    )
    for columns in blocks:
        parts.append(_table(summary, heads, rows, names, texts, columns))
    parts.append(Text(one_line(caption(summary)), style="dim"))
    # apart, for they are read one by one
    parts += [Padding(Text(one_line(text)), (1, 0, 0, 0)) for text in remarks(summary)]
    return Group(*parts)


def print_table(
    *summaries: Summary, console: Console | None = None, intervals: bool | None = None
) -> None:
    """Print the tables one after the other, with a heading each where there are several."""
    if console is None:
        console = output(FILE_WIDTH)  # no one reads a file through an 80-column window
    for summary in summaries:
        console.print(terminal_table(summary, console.width, len(summaries) > 1, intervals))


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
        # what may stand on lines of its own does so already
        table.add_column(
            Text(_heading(heads[index]), justify="right"), justify="right", no_wrap=True
        )
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        last_method = row.row.forward and place + 1 < len(rows) and not rows[place + 1].row.forward
        style = "italic" if summary.is_reference(row.row) else ""
        cells = [texts[place][index] for index in columns]
        table.add_row(Text(name, style=style), *cells, end_section=last_method)
    return table


def blocks_of(needed: Sequence[int], room: int) -> list[list[int]]:
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


def method_lines(titles: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The titles on lines no wider than the widest label, nor than a third of a terminal."""
    width = min(_METHOD_WIDTH, max([_LEAST_METHOD_WIDTH, *map(len, labels)]))
    return [
        "\n".join(textwrap.wrap(one_line(title), width, break_on_hyphens=False)) for title in titles
    ]


def _heading(head: Heading) -> str:
    return head.name + (f"\nshift {head.shift}" if head.shift else "")


def _longest_line(text: str) -> int:
    return max((len(line) for line in text.splitlines()), default=0)


def _layout(
    heads: Sequence[Heading], rows: Sequence[RowTexts], room: int
) -> tuple[list[list[Text]], list[list[int]]]:
    """Texts of the cells, and the columns of each table: as few tables as can be.

    Tried in this order: all on one line, the interval below, ± below as well.
    """
    marked = [any(row.cells[index].tied for row in rows) for index in range(len(heads))]
    best: tuple[list[list[Text]], list[list[int]]] | None = None
    for plus_minus, bracket in ((" ±", " "), (" ±", "\n"), ("\n±", "\n")):
        texts = [
            [_cell(c, m, plus_minus, bracket) for c, m in zip(row.cells, marked, strict=True)]
            for row in rows
        ]
        needed = [
            _FRAME + max(_longest_line(head), *(_longest_line(row[at].plain) for row in texts))
            for at, head in enumerate(map(_heading, heads))
        ]
        blocks = blocks_of(needed, room)
        if best is None or len(blocks) < len(best[1]):
            best = texts, blocks
    assert best is not None
    return best


def _cell(cell: CellText, marked: bool, plus_minus: str, bracket: str) -> Text:
    # in a column with marks, numbers without one keep its place free
    mark = (MARK if cell.tied else " ") if marked else ""
    text = Text(cell.number(plus_minus) + mark, style="bold green" if cell.best else "")
    if not cell.interval:
        return text
    tight = plus_minus.startswith("\n")
    interval = cell.interval.replace(", ", ",") if tight else cell.interval
    below = bracket.startswith("\n")
    # below a number with a mark, its digits end where those above do
    end = " " if marked and below else ""
    return Text.assemble(text, Text(bracket + interval + end, style="not bold dim"))
