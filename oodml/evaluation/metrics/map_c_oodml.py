"""mAP_c as the ooDML authors compute it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "map_c_oodml",
    formula="(1 / (P + 1)) sum_{j : r_j <= P + 1} j / r_j, P = number of positives",
    source="Milbich et al. 2021 (ooDML), metric mAP_c of the released code",
    depth=lambda k, positives, gallery: min(positives + 1, gallery),
)
def map_c_oodml(ranks: PositiveRanks) -> NDArray[np.float64]:
    """Average precision over as many items as the class has, query included: float64 [Q].

    Close to map_at_r but for the P + 1: one rank more is looked at and a perfect ranking scores
    P / (P + 1).

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> map_c_oodml(example_ranks([[1, 2, 3], [1, 3], [1, 4]])).round(4).tolist()
    [0.75, 0.5556, 0.3333]
    """
    counts = ranks.positives
    hits = ranks.ranks <= np.repeat(counts + 1, counts)
    return ranks.sum_by_query(hits * ranks.place / ranks.ranks) / (counts + 1)
