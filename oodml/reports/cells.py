"""A summary as rows of marked texts, from which every grid-shaped format is made."""

from __future__ import annotations

from dataclasses import dataclass

from oodml.evaluation import Estimate
from oodml.reports.caption import MISSING
from oodml.reports.metric_info import MetricInfo
from oodml.reports.summary import Column, Entry, Row, Summary


@dataclass(frozen=True)
class CellText:
    """One place of a table as text.

    Attributes:
        mean: the number, or a dash where the cell is missing, or "" where none is meant.
        spread: what stands behind ±, or "".
        interval: what stands in brackets, or "".
        best: whether it is bold: the best of its column, or not told from it.
        tied: whether it carries the mark of what is not told from the best.
    """

    mean: str
    spread: str = ""
    interval: str = ""
    best: bool = False
    tied: bool = False

    def number(self, plus_minus: str = " ± ") -> str:
        """Number and spread, without any marks."""
        return self.mean + (f"{plus_minus}{self.spread}" if self.spread else "")


@dataclass(frozen=True)
class Heading:
    """A column's heading: "level 0" or "AGS", the level's shift, its test side."""

    name: str
    shift: str
    side: str


@dataclass(frozen=True)
class RowTexts:
    """A row: what it is, what it is called, a cell a column."""

    row: Row
    title: str
    cells: tuple[CellText, ...]


def headings(summary: Summary) -> list[Heading]:
    """A heading for every level, and one for AGS where there is an area; AGS stands last."""
    found = [
        Heading(
            f"level {c.level}",
            f"{c.shift:.4g}",
            f"{c.test_classes} classes, {c.test_images} images",
        )
        for c in summary.levels
    ]
    return [*found, Heading("AGS", "", "")] if has_ags(summary) else found


def has_ags(summary: Summary) -> bool:
    """Whether the table has an AGS column."""
    return summary.ags.defined and bool(summary.methods)


def row_texts(summary: Summary) -> list[RowTexts]:
    """The rows in the table's order, with as many cells as there are headings."""
    columns: list[Column] = [c.level for c in summary.levels]
    columns += ["ags"] if has_ags(summary) else []
    best = {column: summary.best(column) | summary.tied(column) for column in columns}
    return [
        RowTexts(
            row,
            summary.title(row),
            tuple(_cell(summary, row, column, row in best[column]) for column in columns),
        )
        for row in summary.rows
    ]


def _cell(summary: Summary, row: Row, column: Column, best: bool) -> CellText:
    tied = row in summary.tied(column)
    if column == "ags":
        return _ags_text(summary.metric, summary.ags.entries.get(row), row.forward, best, tied)
    place = (row, column)
    interval = _brackets(summary.metric, summary.intervals.get(place))
    return _entry_text(summary.metric, summary.entries.get(place), interval, best, tied)


def _entry_text(
    metric: MetricInfo, entry: Entry | None, interval: str, best: bool, tied: bool
) -> CellText:
    if entry is None or entry.mean != entry.mean:
        return CellText(MISSING)
    spread = metric.spread(entry.spread) if entry.seeds > 1 else ""
    return CellText(metric.number(entry.mean), spread, interval, best=best, tied=tied)


def _brackets(metric: MetricInfo, value: Estimate | None) -> str:
    if value is None or value.low != value.low:
        return ""
    return f"[{metric.end(value.low)}, {metric.end(value.high)}]"


def _ags_text(
    metric: MetricInfo, value: Estimate | None, forward: bool, best: bool, tied: bool
) -> CellText:
    if value is None:
        return CellText(MISSING if forward else "")
    interval = _brackets(metric, value)
    return CellText(metric.number(value.value), interval=interval, best=best, tied=tied)
