"""Tables for README files and issues (GitHub's Markdown)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from oodml.core.text import one_line
from oodml.reports.caption import MARK, caption
from oodml.reports.cells import CellText, headings, row_texts
from oodml.reports.formats.registry import register_table_format
from oodml.reports.remarks import remarks
from oodml.reports.summary import Summary

# An underscore inside a word is plain text in Markdown, and metric names are full of them.
# Brackets make a link only before a parenthesis; no text of ours starts a line with > or #.
# An ampersand is one, unless it begins what a browser reads as a single character.
_SPECIAL = re.compile(r"[\\`*<|$~]|&(?=#?\w+;)|(?<=\])\(|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


@register_table_format("markdown", suffix="md")
def markdown(summaries: Sequence[Summary]) -> str:
    """A table, its caption and remarks; with several settings, each under a heading."""
    tables = [_table(summary) for summary in summaries]
    if len(tables) == 1:
        return tables[0]
    heads = [f"## {escape(summary.heading)}\n\n" for summary in summaries]
    return "\n".join(head + table for head, table in zip(heads, tables, strict=True))


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], one_line(text))


def _table(summary: Summary) -> str:
    heads = headings(summary)
    lines = [
        "| method | " + " | ".join(head.name for head in heads) + " |",
        "|---" * (len(heads) + 1) + "|",
        "| *shift* | " + " | ".join(_italic(head.shift) for head in heads) + " |",
        "| *test side* | " + " | ".join(_italic(head.side) for head in heads) + " |",
    ]
    for row in row_texts(summary):
        title = escape(row.title) if row.row.forward else _italic(escape(row.title))
        lines.append("| " + " | ".join([title, *map(_cell, row.cells)]) + " |")
    for text in [caption(summary), *remarks(summary)]:
        lines += ["", escape(text)]
    return "\n".join(lines) + "\n"


def _italic(text: str) -> str:
    return f"*{text}*" if text else ""


def _cell(cell: CellText) -> str:
    # only the number is bold: a bold bracket would claim more than the mean does
    text = f"**{cell.number()}**" if cell.best else cell.number()
    interval = f" {cell.interval}" if cell.interval else ""
    return text + (MARK if cell.tied else "") + interval
