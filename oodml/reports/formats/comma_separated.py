"""Long form for further work: a line a setting, method, condition and level, at full precision."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from oodml.reports.formats.registry import register_table_format
from oodml.reports.summary import Column, Row, Summary

_COLUMNS = (
    "setting", "method", "condition", "level", "shift", "metric", "task", "shots",
    "mean", "spread", "estimator", "seeds", "low", "high", "interval", "best", "not_told_from_best",
    "ags", "ags_low", "ags_high", "ags_interval", "ags_best", "ags_not_told_from_best",
)  # fmt: skip
_NAMES = frozenset({"setting", "method", "condition", "metric", "task"})
_FORMULA = frozenset("=+-@\t\r\n")


@register_table_format("csv", suffix="csv")
def comma_separated(summaries: Sequence[Summary]) -> str:
    """One header for all settings; values as they are, never as per cent.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    ``best`` and ``not_told_from_best`` are yes or no, and empty where nothing was compared.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for summary in summaries:
        writer.writerows(map(without_formulas, _lines(summary)))
    return out.getvalue()


def without_formulas(line: Mapping[str, object]) -> dict[str, object]:
    """A line whose names no spreadsheet computes: a leading = + - @ or control stands after a quote."""
    return {
        key: f"'{value}" if key in _NAMES and str(value)[:1] in _FORMULA else value
        for key, value in line.items()
    }


def _lines(summary: Summary) -> Iterator[dict[str, object]]:
    for row in summary.rows:
        for column in summary.levels:
            entry = summary.entries.get((row, column.level))
            if entry is None:
                continue
            line: dict[str, object] = {
                "setting": summary.setting,
                "method": row.label,
                "condition": row.condition,
                "level": column.level,
                "shift": repr(column.shift),
                "metric": summary.metric.name,
                "task": summary.task,
                "shots": "" if summary.shots is None else summary.shots,
                "mean": repr(entry.mean),
                "seeds": entry.seeds,
                "best": _best(summary, row, column.level),
                "not_told_from_best": _tied(summary, row, column.level),
            }
            if entry.seeds > 1:
                line |= {"spread": repr(entry.spread), "estimator": summary.estimator}
            yield line | _interval(summary, row, column.level) | _ags(summary, row)


def _interval(summary: Summary, row: Row, level: int) -> dict[str, object]:
    found = summary.intervals.get((row, level))
    if found is None:
        return {}
    name = f"{100 * found.level:g} % {found.estimator}"
    return {"low": repr(found.low), "high": repr(found.high), "interval": name}


def _ags(summary: Summary, row: Row) -> dict[str, object]:
    value = summary.ags.entries.get(row)
    if value is None:
        return {}
    line: dict[str, object] = {
        "ags": repr(value.value),
        "ags_best": _best(summary, row, "ags"),
        "ags_not_told_from_best": _tied(summary, row, "ags"),
    }
    if value.low == value.low:
        interval = f"{100 * value.level:g} % {value.estimator}"
        line |= {
            "ags_low": repr(value.low), "ags_high": repr(value.high), "ags_interval": interval,
        }  # fmt: skip
    return line


def _best(summary: Summary, row: Row, column: Column) -> str:
    if not row.forward or summary.metric.higher_is_better is None:
        return ""
    return "yes" if row in summary.best(column) else "no"


def _tied(summary: Summary, row: Row, column: Column) -> str:
    if not row.forward or column not in summary.separation.tied:
        return ""
    return "yes" if row in summary.tied(column) else "no"
