"""A table environment for papers, with booktabs rules."""

from __future__ import annotations

import re
from collections.abc import Sequence

from oodml.core.text import one_line
from oodml.reports.caption import caption
from oodml.reports.cells import CellText, RowTexts, headings, row_texts
from oodml.reports.formats.registry import register_table_format
from oodml.reports.summary import Summary

# Brackets and stars stand in braces: after a row's end they would be read as its options.
_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "_": r"\_",
        "$": r"\$",
        "#": r"\#",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",
        "]": "{]}",
        "*": "{*}",
        "±": r"$\pm$",
        "–": r"\textendash{}",
        "·": r"$\cdot$",
        "†": r"$^\dagger$",
        "`": "{`}",
        "\ufffd": "?",
    }
)


@register_table_format("latex", suffix="tex")
def latex(summaries: Sequence[Summary]) -> str:
    """One table environment a setting."""
    tables = "\n".join(_table(summary) for summary in summaries)
    needs = r"% needs \usepackage{booktabs}"
    if not tables.isascii():
        needs += "; for letters that pdflatex does not know, compile with XeLaTeX or LuaLaTeX"
    return needs + "\n" + tables


def escape(text: str) -> str:
    """Text that LaTeX sets as it is."""
    # two dashes in a row would be set as one longer dash
    return re.sub("-(?=-)", "-{}", one_line(text).translate(_SPECIAL))


def _table(summary: Summary) -> str:
    heads = headings(summary)
    rows = row_texts(summary)
    methods = [row for row in rows if row.row.forward]
    others = [row for row in rows if not row.row.forward]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption(summary))}}}",
        rf"\begin{{tabular}}{{l{'c' * len(heads)}}}",
        r"\toprule",
        "method & " + " & ".join(head.name for head in heads) + r" \\",
        "shift & " + " & ".join(head.shift for head in heads) + r" \\",
    ]
    for group in (methods, others):
        if group:
            lines.append(r"\midrule")
        for row in group:
            lines += _row(row)
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _row(row: RowTexts) -> list[str]:
    """A line, and one of intervals below it, which beside the numbers would not fit a page."""
    lines = [" & ".join([escape(row.title), *map(_cell, row.cells)]) + r" \\"]
    if any(cell.interval for cell in row.cells):
        below = [rf"{{\scriptsize {c.interval}}}" if c.interval else "" for c in row.cells]
        lines.append(" & ".join(["", *below]) + r" \\")
    return lines


def _cell(cell: CellText) -> str:
    text = cell.number(r" $\pm$ ").replace("–", "--")
    text = rf"\textbf{{{text}}}" if cell.best else text
    return text + (r"$^\dagger$" if cell.tied else "")
