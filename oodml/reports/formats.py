"""One summary, many formats. A format is a function from Summary to text."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable

from oodml.core.errors import UsageError
from oodml.reports.remarks import remarks
from oodml.reports.summary import Entry, Summary

_MISSING = "–"


def entry_text(entry: Entry | None, plus_minus: str = " ± ") -> str:
    """Mean and spread in percent; a dash where the cell is missing."""
    if entry is None:
        return _MISSING
    mean = f"{100 * entry.mean:.2f}"
    return mean if entry.seeds < 2 else f"{mean}{plus_minus}{100 * entry.spread:.2f}"


def _grid(
    summary: Summary, bold: Callable[[str], str], text: Callable[[Entry | None], str] = entry_text
) -> list[list[str]]:
    """Rows of texts: a label and one entry a level, the best of each level through ``bold``."""
    best = {column.level: summary.best(column.level) for column in summary.levels}
    rows = []
    for label in summary.labels:
        row = [label]
        for column in summary.levels:
            entry = text(summary.entries.get((label, column.level)))
            row.append(bold(entry) if label in best[column.level] else entry)
        rows.append(row)
    return rows


def _headings(summary: Summary) -> list[tuple[str, str, str]]:
    """A level's number, its shift and its test side, as texts."""
    return [
        (f"level {c.level}", f"{c.shift:.4g}", f"{c.test_classes} classes, {c.test_images} images")
        for c in summary.levels
    ]


def markdown(summary: Summary) -> str:
    heads = _headings(summary)
    lines = [
        "| method | " + " | ".join(level for level, _, _ in heads) + " |",
        "|---" * (len(heads) + 1) + "|",
        "| *shift* | " + " | ".join(f"*{shift}*" for _, shift, _ in heads) + " |",
        "| *test side* | " + " | ".join(f"*{side}*" for _, _, side in heads) + " |",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in _grid(summary, lambda t: f"**{t}**")]
    lines += ["", summary.caption]
    lines += [line for text in remarks(summary) for line in ("", text)]
    return "\n".join(lines) + "\n"


def comma_separated(summary: Summary) -> str:
    """Long form: a row a method and level, fractions at full precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["method", "level", "shift", "metric", "mean", "spread", "estimator", "seeds"])
    for label in summary.labels:
        for column in summary.levels:
            entry = summary.entries.get((label, column.level))
            if entry is not None:
                spread = "" if entry.seeds < 2 else repr(entry.spread)
                estimator = summary.estimator if entry.seeds > 1 else ""
                writer.writerow(
                    [
                        label,
                        column.level,
                        repr(column.shift),
                        summary.metric,
                        repr(entry.mean),
                        spread,
                        estimator,
                        entry.seeds,
                    ]
                )
    return out.getvalue()


def latex(summary: Summary) -> str:
    heads = _headings(summary)

    def escape(text: str) -> str:
        for plain, special in (
            ("\\", r"\textbackslash{}"),
            ("&", r"\&"),
            ("%", r"\%"),
            ("_", r"\_"),
        ):
            text = text.replace(plain, special)
        return text.replace("±", r"$\pm$").replace("–", "--")

    def latex_entry(entry: Entry | None) -> str:
        return "--" if entry is None else entry_text(entry, r" $\pm$ ")

    rows = _grid(summary, lambda text: rf"\textbf{{{text}}}", latex_entry)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(summary.caption)}}}",
        rf"\begin{{tabular}}{{l{'c' * len(heads)}}}",
        r"\toprule",
        "method & " + " & ".join(level for level, _, _ in heads) + r" \\",
        "shift & " + " & ".join(shift for _, shift, _ in heads) + r" \\",
        r"\midrule",
    ]
    lines += [" & ".join([escape(row[0]), *row[1:]]) + r" \\" for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1b1b1b}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{padding:.35rem .8rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}"
    "thead tr:last-child th{border-bottom:2px solid #444}.note{font-weight:normal;color:#555;"
    "font-size:.85em}tr.reference td{color:#555;font-style:italic}img{max-width:100%}"
)


def html_page(summary: Summary) -> str:
    """A page of its own: table, caption, remarks, and the figure beside it (figure.svg)."""
    escape = html.escape
    heads = "".join(
        f'<th scope="col">{level}<br><span class="note">shift {shift}<br>{side}</span></th>'
        for level, shift, side in _headings(summary)
    )
    rows = _grid(summary, lambda text: f"<strong>{text}</strong>")
    body = "".join(
        f"<tr{' class=reference' if row[0] in summary.reference else ''}>"
        f"<td>{escape(row[0])}</td>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    title = escape(f"{summary.metric} on {summary.context['dataset']}")
    notes = "".join(f"<p>{escape(text)}</p>" for text in remarks(summary))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f'<table><thead><tr><th scope="col">method</th>{heads}</tr></thead><tbody>{body}</tbody>'
        f"</table><p>{escape(summary.caption)}</p>{notes}"
        f'<img src="figure.svg" alt="{title} against measured shift"></body></html>\n'
    )


FORMATS: dict[str, Callable[[Summary], str]] = {
    "markdown": markdown,
    "csv": comma_separated,
    "latex": latex,
    "html": html_page,
}


def render(summary: Summary, format: str) -> str:
    """The summary as text in one of FORMATS; UsageError for another."""
    if format not in FORMATS:
        raise UsageError(f"format {format!r}: expected one of {', '.join(FORMATS)}")
    return FORMATS[format](summary)
