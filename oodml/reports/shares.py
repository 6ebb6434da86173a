"""The transfer share of every method and level, from the rows of three kinds that it takes."""

from __future__ import annotations

from collections.abc import Mapping

from oodml.evaluation import ClassSums, TransferShare
from oodml.reports.against_frozen import FROZEN
from oodml.reports.class_values import same_queries, share_of
from oodml.reports.metric_info import MetricInfo
from oodml.reports.summary import Entry, Row, Shares

METHOD, CEILING = "held-out", "ceiling"


def shares_of(
    metric: MetricInfo,
    entries: Mapping[tuple[Row, int], Entry],
    by_class: Mapping[tuple[Row, int], ClassSums],
    reference: frozenset[str],
) -> Shares:
    """Of every method that trains: held-out rows against its ceiling, over frozen on the same images.

    A level of a method has a share where the class values of all three are at hand and are of the
    same queries.
    """
    if metric.higher_is_better is None:
        return Shares(missing="neither end of the metric is better")
    wanted = [
        (row.label, level)
        for row, level in entries
        if row.condition == METHOD and row.label not in reference
    ]
    if reason := _lacking(entries, wanted):
        return Shares(missing=reason)
    found: dict[tuple[str, int], TransferShare] = {}
    for label, level in sorted(wanted, key=lambda one: (one[0], one[1])):
        # frozen does not train: under either condition it is scored on the same images
        frozen = by_class.get((Row(FROZEN, CEILING), level)) or by_class.get(
            (Row(FROZEN, METHOD), level)
        )
        method = by_class.get((Row(label, METHOD), level))
        ceiling = by_class.get((Row(label, CEILING), level))
        if method is None or ceiling is None or frozen is None:
            continue
        if same_queries(method, ceiling) and same_queries(method, frozen):
            better = metric.higher_is_better
            found[label, level] = share_of(method, ceiling, frozen, higher_is_better=better)
    if not found:
        return Shares(missing="no values by class of the same images are stored beside the results")
    return Shares(found)


def _lacking(entries: Mapping[tuple[Row, int], Entry], wanted: list[tuple[str, int]]) -> str | None:
    """What rows are missing for any share at all."""
    if not wanted:
        return f"no method was run under the condition {METHOD}"
    if not any((Row(label, CEILING), level) in entries for label, level in wanted):
        return f"no method was run under both {METHOD} and {CEILING}"
    conditions = {row.condition for row, _ in entries if row.label == FROZEN}
    if not conditions & {METHOD, CEILING}:
        return f"{FROZEN} was not run under {CEILING}"
    return None
