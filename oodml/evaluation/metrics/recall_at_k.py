"""Recall@k, as deep metric learning uses the word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.metrics.registry import register_metric
from oodml.evaluation.ranks.table import PositiveRanks


@register_metric(
    "recall_at_k",
    formula="1 if r_1 <= k else 0",
    source="Jegou et al. 2011 (PAMI); Song et al. 2016 (CVPR) for metric learning",
    depth=lambda k, positives, gallery: k,
)
def recall_at_k(ranks: PositiveRanks, k: int) -> NDArray[np.float64]:
    """Whether any positive is among the k nearest, per query: float64 [Q] of 0 and 1.

    In re-identification the same figure is a point of the CMC curve.

    >>> from oodml.evaluation.metrics.examples import example_ranks
    >>> recall_at_k(example_ranks([[2, 5], [1, 3]]), 1).tolist()
    [0.0, 1.0]
    """
    return (ranks.ranks[ranks.offsets[:-1]] <= k).astype(np.float64)
