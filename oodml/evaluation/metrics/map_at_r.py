"""MAP@R."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "map_at_r",
    formula="(1 / R) sum_{j : r_j <= R} j / r_j, R = number of positives",
    source="Musgrave, Belongie, Lim 2020, section 2.2.3",
    depth=lambda k, positives, gallery: positives,
)
def map_at_r(ranks: PositiveRanks) -> NDArray[np.float64]:
    """Average precision over the R nearest, R = number of positives: float64 [Q].

    j / r_j is the precision at the rank of the j-th positive; ranks that hold a negative add 0.

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> map_at_r(example_ranks([[2, 5], [1, 3], [1]])).tolist()
    [0.25, 0.5, 1.0]
    """
    counts = ranks.positives
    hits = ranks.ranks <= np.repeat(counts, counts)
    return ranks.sum_by_query(hits * ranks.place / ranks.ranks) / counts
