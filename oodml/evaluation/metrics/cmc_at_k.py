"""CMC@k, the name re-identification gives to Recall@k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.recall_at_k import recall_at_k
from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "cmc_at_k",
    formula="1 if r_1 <= k else 0",
    source="Gray et al. 2007 (PETS): cumulative matching characteristic; Zheng et al. 2015 (ICCV)",
    depth=lambda k, positives, gallery: k,
)
def cmc_at_k(ranks: PositiveRanks, k: int) -> NDArray[np.float64]:
    """The CMC curve at rank k, per query: float64 [Q] of 0 and 1; the same as `recall_at_k`.

    One hit counts, whatever the number of positives. Protocols that draw one gallery item per
    identity, or leave out items of the query's own camera, say so by the gallery they give.

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> cmc_at_k(example_ranks([[2, 5], [1, 3]]), 2).tolist()
    [1.0, 1.0]
    """
    return recall_at_k(ranks, k)
