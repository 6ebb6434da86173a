"""Transfer shares in the terminal."""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from oodml.core.console import output
from oodml.core.text import one_line
from oodml.reports.share_text import UNDECIDED, share_caption, share_rows
from oodml.reports.summary import Summary
from oodml.reports.terminal import FILE_WIDTH, blocks_of, method_lines

_FRAME = 3


def share_terminal(summary: Summary, width: int = FILE_WIDTH) -> Group:
    """A rich renderable; in a narrow terminal brackets, then columns, are parted."""
    rows = share_rows(summary)
    names = method_lines([title for title, _ in rows], list(summary.labels))
    heads = [f"level {c.level}\nshift {c.shift:.4g}" for c in summary.levels]
    room = width - _FRAME - max(len(line) for name in names for line in name.splitlines()) - 1
    cells = [list(found) for _, found in rows]
    needed = _needed(heads, cells)
    if sum(needed) > room:
        cells = [[_on_two_lines(cell) for cell in found] for found in cells]
        needed = _needed(heads, cells)
    parts: list[Table | Text] = [
        Text(one_line(f"{summary.heading}: transfer share (%)"), style="italic")
    ]
    for columns in blocks_of(needed, room):
        table = Table()
        table.add_column("method", no_wrap=True)
        for index in columns:
            table.add_column(Text(heads[index], justify="right"), justify="right", no_wrap=True)
        for name, found in zip(names, cells, strict=True):
            table.add_row(Text(name), *(Text(found[index]) for index in columns))
        parts.append(table)
    return Group(*parts, Text(one_line(share_caption(summary)), style="dim"))


def print_shares(*summaries: Summary, console: Console | None = None) -> None:
    """Print the tables one after the other."""
    if console is None:
        console = output(FILE_WIDTH)
    for summary in summaries:
        console.print(share_terminal(summary, console.width))


def _on_two_lines(cell: str) -> str:
    return cell.replace(" ", "\n", 1) if cell != UNDECIDED else UNDECIDED.replace(" ", "\n")


def _needed(heads: list[str], cells: list[list[str]]) -> list[int]:
    return [
        _FRAME
        + max(
            len(line) for text in (head, *(row[at] for row in cells)) for line in text.split("\n")
        )
        for at, head in enumerate(heads)
    ]
