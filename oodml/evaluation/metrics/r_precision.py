"""R-precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "r_precision",
    formula="#{j : r_j <= R} / R, R = number of positives",
    source="Musgrave, Belongie, Lim 2020, section 2.2.3",
    depth=lambda k, positives, gallery: positives,
)
def r_precision(ranks: PositiveRanks) -> NDArray[np.float64]:
    """Share of positives among the R nearest, R = number of positives: float64 [Q].

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> r_precision(example_ranks([[2, 5], [1, 3], [1]])).tolist()
    [0.5, 0.5, 1.0]
    """
    counts = ranks.positives
    hits = ranks.ranks <= np.repeat(counts, counts)
    return ranks.sum_by_query(hits.astype(np.float64)) / counts
