"""Which methods score worse than the frozen backbone, and where a test says so."""

from __future__ import annotations

import math
from collections.abc import Mapping

from oodml.evaluation import ClassSums, Estimate
from oodml.reports.class_values import difference_of, same_queries, told_from_reference
from oodml.reports.metric_info import MetricInfo
from oodml.reports.separation import SIGNIFICANCE
from oodml.reports.summary import AgainstFrozen, Entry, FrozenTests, Row

FROZEN = "frozen"


def compare_with_frozen(
    metric: MetricInfo,
    entries: Mapping[tuple[Row, int], Entry],
    by_class: Mapping[tuple[Row, int], ClassSums],
    reference: frozenset[str],
) -> FrozenTests:
    """Test every trained method on every level where the class values of both are at hand.

    The correction is over all of these pairs, not only over those that look worse: which these are
    is seen in the same scores.
    """
    if FROZEN not in reference or metric.higher_is_better is None:
        return FrozenTests()
    base = Row(FROZEN)
    compared = [
        key
        for key in entries
        if key[0].forward and key[0].label not in reference and (base, key[1]) in entries
    ]
    pairs = {
        (row, level): (by_class[row, level], by_class[base, level])
        for row, level in compared
        if (row, level) in by_class
        and (base, level) in by_class
        and same_queries(by_class[row, level], by_class[base, level])
    }
    told = told_from_reference(pairs, SIGNIFICANCE) if pairs else frozenset()
    worse: dict[tuple[Row, int], AgainstFrozen] = {}
    for key in sorted(compared, key=lambda one: one[1]):
        mean, other = entries[key].mean, entries[base, key[1]].mean
        if not metric.worse(mean, other):
            continue
        if key in pairs:
            worse[key] = AgainstFrozen(difference_of(*pairs[key]), key in told)
        else:
            unknown = Estimate(mean - other, math.nan, math.nan, 0.95, 0, "none")
            worse[key] = AgainstFrozen(unknown, None)
    return FrozenTests(worse, len(pairs))
