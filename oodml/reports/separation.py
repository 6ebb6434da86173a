"""Which methods cannot be told from the best: paired tests over the test classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oodml.evaluation import ClassSums
from oodml.reports.class_values import along_ladder, same_queries, told_from_best
from oodml.reports.metric_info import MetricInfo
from oodml.reports.summary import AgsColumn, Column, Entry, LevelColumn, Row, Separation

SIGNIFICANCE = 0.05


def separate(
    metric: MetricInfo,
    levels: Sequence[LevelColumn],
    entries: Mapping[tuple[Row, int], Entry],
    ags: AgsColumn,
    by_class: Mapping[tuple[Row, int], ClassSums],
) -> Separation:
    """Compare the methods of every column with its best one.

    A column is tested only where the class values of all its methods are at hand and are of the
    same queries; AGS, where that holds for every level.
    """
    if metric.higher_is_better is None:
        return Separation(missing="neither end of the metric is better")
    if not by_class:
        return Separation(missing="no values by class are stored beside these results")
    tied: dict[Column, frozenset[Row]] = {}
    for column in levels:
        means = {r: e.mean for (r, at), e in entries.items() if at == column.level and r.forward}
        values = {row: by_class.get((row, column.level)) for row in means}
        found = _tied(metric, means, values)
        if found is not None:
            tied[column.level] = found
    if ags.entries and all(column.level in tied for column in levels):
        shifts = [column.shift for column in levels]
        curves = {
            row: along_ladder(shifts, [by_class[row, column.level] for column in levels])
            for row in ags.entries
        }
        found = _tied(metric, {row: one.value for row, one in ags.entries.items()}, curves)
        if found is not None:
            tied["ags"] = found
    if not tied:
        return Separation(missing="not every method has values by class of the same queries")
    return Separation(tied)


def _tied(
    metric: MetricInfo, means: Mapping[Row, float], values: Mapping[Row, ClassSums | None]
) -> frozenset[Row] | None:
    """The rows not told from the best; None where they cannot be compared."""
    best = metric.best(means)
    known = {row: value for row, value in values.items() if value is not None}
    if not best or len(known) < len(values):
        return None
    first = min(best)
    if any(not same_queries(known[first], other) for other in known.values()):
        return None
    told = told_from_best(
        known, SIGNIFICANCE, higher_is_better=metric.higher_is_better is not False
    )
    return frozenset(known) - best - told
