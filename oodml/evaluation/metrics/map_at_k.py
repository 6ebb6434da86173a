"""Mean average precision over the k nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "map_at_k",
    formula="(1 / min(P, k)) sum_{j : r_j <= k} j / r_j, P = number of positives",
    source="usual definition of AP@k; a perfect ranking scores 1 for every k",
    depth=lambda k, positives, gallery: k,
)
def map_at_k(ranks: PositiveRanks, k: int) -> NDArray[np.float64]:
    """Average precision over the k nearest, divided by min(P, k): float64 [Q].

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> map_at_k(example_ranks([[2, 4], [1, 3], [1]]), 2).tolist()
    [0.25, 0.5, 1.0]
    """
    hits = ranks.ranks <= k
    return ranks.sum_by_query(hits * ranks.place / ranks.ranks) / np.minimum(ranks.positives, k)
