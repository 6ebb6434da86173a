"""Lengths of the vectors as given, before any normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.lengths import check_squares, row_lengths
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric

_SOURCE = "Zhang et al. 2020 (SEC): what the spherical constraint acts on"


@register_embedding_metric(
    "norm_mean",
    formula="mean of |x|",
    source=_SOURCE,
    higher_is_better=None,  # a scale, which cosine does not see
    unit="length",
)
def norm_mean(embeddings: EmbeddingSet) -> float:
    """Mean length of the given vectors.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> norm_mean(rows)
    1.25
    """
    norms = _norms(embeddings)
    with np.errstate(over="ignore"):
        mean = float(norms.mean())
    # only where the sum overflows, and not the mean
    return mean if np.isfinite(mean) else float((norms / len(norms)).sum())


@register_embedding_metric(
    "norm_variance",
    formula="mean of (|x| - mean |x|)^2",
    source=_SOURCE,
    higher_is_better=False,
    unit="length",
)
def norm_variance(embeddings: EmbeddingSet) -> float:
    """Variance of the lengths of the given vectors (divided by N).

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> norm_variance(rows)
    0.1875
    """
    norms = _norms(embeddings)
    check_squares(norms, "norm_variance: lengths")
    return 0.0 if (norms == norms[0]).all() else float(norms.var())


def _norms(embeddings: EmbeddingSet) -> NDArray[np.float64]:
    return np.concatenate(
        [row_lengths(embeddings.rows[at].astype(np.float64)) for at in embeddings.pieces()]
    )
