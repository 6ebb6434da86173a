"""A page of its own: tables, captions, remarks and figures, in one file without links."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oodml.core.figures import write_figure
from oodml.core.text import one_line
from oodml.reports.caption import MARK, caption
from oodml.reports.cells import CellText, Heading, headings, row_texts
from oodml.reports.figure import draw_figure
from oodml.reports.formats.registry import register_table_format
from oodml.reports.remarks import remarks
from oodml.reports.share_figure import draw_share
from oodml.reports.share_text import share_caption, share_rows
from oodml.reports.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;"
    "color:#1b1b1b}.wide{overflow-x:auto}table{border-collapse:collapse}"
    "th,td{padding:.35rem .8rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap;"
    "font-variant-numeric:tabular-nums;vertical-align:top}th:first-child{text-align:left}"
    "tbody th{font-weight:normal}thead th{border-bottom:2px solid #444}"
    ".note{font-weight:normal;color:#555;font-size:.85em}"
    "tr.reference>*{color:#555;font-style:italic}tr.first>*{border-top:2px solid #999}"
    # the mark hangs over, so that numbers stay below each other
    "sup{line-height:0;display:inline-block;width:.5em;margin-right:-.5em}"
    "p{max-width:48rem}img{max-width:100%}"
)


@register_table_format("html", suffix="html")
def html_page(summaries: Sequence[Summary]) -> str:
    """One page; with several settings, a section each."""
    names = sorted({summary.metric.name for summary in summaries})
    datasets = sorted({summary.context["dataset"] for summary in summaries})
    title = escape(f"{', '.join(names)} on {', '.join(datasets)}")
    several = len(summaries) > 1
    body = "".join(_section(summary, several) for summary in summaries)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>\n"
    )


def escape(text: str) -> str:
    """Text that a browser shows as it is."""
    return html.escape(one_line(text))


def _section(summary: Summary, headed: bool) -> str:
    heading = f"<h2>{escape(summary.heading)}</h2>" if headed else ""
    heads = "".join(map(_heading, headings(summary)))
    notes = "".join(f"<p>{escape(text)}</p>" for text in [caption(summary), *remarks(summary)])
    alt = escape(f"{summary.metric.name} against measured shift")
    return (
        f'{heading}<div class="wide"><table><thead><tr><th scope="col">method</th>{heads}</tr>'
        f"</thead><tbody>{_rows(summary)}</tbody></table></div>{notes}"
        f'<img src="{_picture(draw_figure(summary))}" alt="{alt}">{_share(summary)}'
    )


def _share(summary: Summary) -> str:
    """The transfer share below the main figure, where there is one."""
    if not summary.shares.entries:
        return ""
    heads = "".join(
        f'<th scope="col">level {c.level}<br><span class="note">shift {c.shift:.4g}</span></th>'
        for c in summary.levels
    )
    rows = "".join(
        f'<tr><th scope="row" dir="auto">{escape(title)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for title, cells in share_rows(summary)
    )
    return (
        '<h3>Transfer share (%)</h3><div class="wide"><table><thead><tr>'
        f'<th scope="col">method</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<p>{escape(share_caption(summary))}</p>"
        f'<img src="{_picture(draw_share(summary))}" alt="transfer share against measured shift">'
    )


def _heading(head: Heading) -> str:
    notes = [f"shift {head.shift}" if head.shift else "", *head.side.split(", ")]
    return f'<th scope="col">{head.name}<br><span class="note">{"<br>".join(notes)}</span></th>'


def _rows(summary: Summary) -> str:
    lines = []
    below = False
    for row in row_texts(summary):
        kinds = ["reference"] if summary.is_reference(row.row) else []
        if not row.row.forward and not below and summary.methods:
            kinds.append("first")
        below = not row.row.forward
        attribute = f' class="{" ".join(kinds)}"' if kinds else ""
        cells = "".join(f"<td>{_cell(cell)}</td>" for cell in row.cells)
        title = escape(row.title)
        lines.append(f'<tr{attribute}><th scope="row" dir="auto">{title}</th>{cells}</tr>')
    return "".join(lines)


def _cell(cell: CellText) -> str:
    text = escape(cell.number())
    text = f"<strong>{text}</strong>" if cell.best else text
    interval = f'<br><span class="note">{escape(cell.interval)}</span>'
    return text + (f"<sup>{MARK}</sup>" if cell.tied else "") + (interval if cell.interval else "")


def _picture(figure: Figure) -> str:
    """A figure as a data address: the page can be sent on as one file."""
    drawn = io.BytesIO()
    write_figure(figure, drawn, "svg")
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode("ascii")
