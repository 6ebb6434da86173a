"""Precision@k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "precision_at_k",
    formula="#{j : r_j <= k} / k",
    source="Manning, Raghavan, Schuetze 2008, section 8.4",
    depth=lambda k, positives, gallery: k,
)
def precision_at_k(ranks: PositiveRanks, k: int) -> NDArray[np.float64]:
    """Share of positives among the k nearest, per query: float64 [Q].

    Divides by k also where a query has fewer than k positives. At k = 1 it equals recall_at_1.

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> precision_at_k(example_ranks([[2, 5], [1, 3]]), 4).tolist()
    [0.25, 0.5]
    """
    return ranks.sum_by_query((ranks.ranks <= k).astype(np.float64)) / k
