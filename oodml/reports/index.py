"""The page that leads to the tables of several settings."""

from __future__ import annotations

from collections.abc import Sequence

from oodml.reports.formats.markdown import escape
from oodml.reports.summary import Summary


def index_page(summaries: Sequence[Summary], folders: Sequence[str]) -> str:
    """Markdown: a line a setting, with links to its table, page and figure.

    Args:
        folders: of the settings' files, relative to the page.
    """
    lines = [
        f"# {escape(summaries[0].metric.name)}: {len(summaries)} settings",
        "",
        "| setting | data set | ladder | backbone | levels | |",
        "|---|---|---|---|---|---|",
    ]
    for summary, folder in zip(summaries, folders, strict=True):
        c = summary.context
        links = " · ".join(
            f"[{name}]({folder}/{file})"
            for name, file in (
                ("table", "table.md"), ("page", "table.html"), ("figure", "figure.png"),
            )
        )  # fmt: skip
        cells = [
            summary.setting,
            c["dataset"],
            c["ladder"],
            c["backbone"],
            str(len(summary.levels)),
        ]
        lines.append("| " + " | ".join([*map(escape, cells), links]) + " |")
    return "\n".join(lines) + "\n"
