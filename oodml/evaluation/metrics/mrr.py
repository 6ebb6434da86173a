"""Mean reciprocal rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "mrr",
    formula="1 / r_1",
    source="Voorhees 1999 (TREC-8)",
)
def mrr(ranks: PositiveRanks) -> NDArray[np.float64]:
    """Reciprocal rank of the nearest positive: float64 [Q].

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> mrr(example_ranks([[2, 5], [1, 3]])).tolist()
    [0.5, 1.0]
    """
    return 1.0 / ranks.ranks[ranks.offsets[:-1]]
