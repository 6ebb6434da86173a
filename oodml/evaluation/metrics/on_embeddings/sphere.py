"""Alignment and uniformity on the unit sphere."""

from __future__ import annotations

import numpy as np

from oodml.core.errors import DataError
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric

_SOURCE = "Wang and Isola 2020 (ICML)"


@register_embedding_metric(
    "alignment",
    formula="mean of |x - y|^2 over all pairs of one class, unit vectors",
    source=_SOURCE + ", alpha = 2",
    higher_is_better=False,
    unit="distance",
)
def alignment(embeddings: EmbeddingSet) -> float:
    """Mean squared distance of positive pairs; 0 is best.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> round(alignment(rows), 4)
    2.0
    """
    sizes = embeddings.class_sizes
    pairs = float((sizes * (sizes - 1)).sum()) / 2
    if pairs == 0:
        raise DataError("alignment: every class has one image")
    # The sum of |x - y|^2 over the pairs of a class of n is n times that of |x - mean|^2.
    return float((sizes * embeddings.class_spreads).sum() / pairs)


@register_embedding_metric(
    "uniformity",
    formula="ln of the mean of exp(-2 |x - y|^2) over all pairs, unit vectors",
    source=_SOURCE + ", t = 2",
    higher_is_better=False,
)
def uniformity(embeddings: EmbeddingSet) -> float:
    """Log of the mean Gaussian potential of all pairs; lower is more uniform.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> round(uniformity(rows), 4)
    -4.3963
    """
    unit = embeddings.unit
    n = len(unit)
    if n < 2:
        raise DataError("uniformity: needs at least two images")
    squares = np.einsum("ij,ij->i", unit, unit)
    step = max(1, (embeddings.memory_mib << 20) // (8 * n))
    total = 0.0
    for start in range(0, n, step):
        stop = min(n, start + step)
        # Pairs with later rows only: each once.
        block = unit[start:stop] @ unit[start:].T
        distance = squares[start:stop, None] + squares[start:] - 2 * block
        potential = np.exp(-2 * np.maximum(distance, 0, out=distance), out=distance)
        total += float(np.triu(potential, 1).sum(dtype=np.float64))
    return float(np.log(total / (n * (n - 1) / 2)))
