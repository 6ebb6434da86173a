"""Mean average precision over the whole ranking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "map",
    formula="(1 / P) sum_j j / r_j, P = number of positives",
    source="Manning, Raghavan, Schuetze 2008, section 8.4",
)
def average_precision(ranks: PositiveRanks) -> NDArray[np.float64]:
    """Average precision over the whole ranking: float64 [Q].

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> average_precision(example_ranks([[2, 4], [1, 3], [1]])).round(4).tolist()
    [0.5, 0.8333, 1.0]
    """
    return ranks.sum_by_query(ranks.place / ranks.ranks) / ranks.positives
