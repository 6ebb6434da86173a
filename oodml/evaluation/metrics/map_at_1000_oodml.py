"""mAP@1000 as the ooDML authors compute it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "map_at_1000_oodml",
    formula="(1 / (P + 1)) sum_{j : r_j <= 1000} j / r_j, P = number of positives",
    source="Milbich et al. 2021 (ooDML), metric mAP_1000 of the released code",
    depth=lambda k, positives, gallery: min(1000, gallery),
)
def map_at_1000_oodml(ranks: PositiveRanks) -> NDArray[np.float64]:
    """Average precision over the 1000 nearest, divided by the class size: float64 [Q].

    The class size P + 1 includes the query, so a perfect ranking scores P / (P + 1) and not 1.
    Unlike the released code, the query is left out by identity (not by dropping the nearest item)
    and queries without a positive are not counted as 0.

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> map_at_1000_oodml(example_ranks([[1, 2, 3], [1, 1001]])).round(4).tolist()
    [0.75, 0.3333]
    """
    hits = ranks.ranks <= 1000
    return ranks.sum_by_query(hits * ranks.place / ranks.ranks) / (ranks.positives + 1)
