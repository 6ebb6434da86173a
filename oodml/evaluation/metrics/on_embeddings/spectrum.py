"""How many directions the embeddings use."""

from __future__ import annotations

import numpy as np

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric


@register_embedding_metric(
    "spectral_decay_at_k",
    formula="KL(uniform || s / sum s), s = singular values of the unit vectors from the k-th on",
    source="Roth et al. 2020 (ICML), rho; ooDML code, rho_spectrum@k (k > 0), always full SVD",
    higher_is_better=False,
)
def spectral_decay_at_k(embeddings: EmbeddingSet, k: int) -> float:
    """Spectral decay rho; 0 for a flat spectrum. k = 1 takes all values, 2 skips the largest.

    Refused where none from the k-th on is used. Others that are not used count with the rounding of
    float64 instead of making rho infinite (see `EmbeddingSet.singular_values`).

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1]], [0, 0, 1])
    >>> round(spectral_decay_at_k(rows, 1), 4)
    0.0149
    """
    values = embeddings.singular_values[k - 1 :]
    if not len(values):
        raise UsageError(f"spectral_decay_at_{k}: there are {k - 1} singular values at most")
    if embeddings.directions < k:
        raise DataError(
            f"spectral_decay_at_{k}: the embeddings use {embeddings.directions} directions, so that "
            f"from the {k}. on all are rounding"
        )
    share = values / values.sum()
    return float(-np.log(share * len(values)).mean())


@register_embedding_metric(
    "effective_rank",
    formula="exp(-sum p ln p), p = s / sum s, s = singular values of the unit vectors",
    source="Roy and Vetterli 2007 (EUSIPCO)",
    unit="count",
)
def effective_rank(embeddings: EmbeddingSet) -> float:
    """Number of directions in use, between 1 and min(N, D).

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [2, 0], [0, 1]], [0, 0, 1])
    >>> round(effective_rank(rows), 4)
    1.9706
    """
    if not embeddings.directions:
        raise DataError("effective_rank: all embeddings are zero vectors")
    share = embeddings.singular_values / embeddings.singular_values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))
