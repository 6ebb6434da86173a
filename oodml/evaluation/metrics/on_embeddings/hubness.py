"""Are a few images everybody's neighbours?"""

from __future__ import annotations

import numpy as np

from oodml.core.errors import UsageError
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric


@register_embedding_metric(
    "hubness_at_k",
    formula="E[(N_k - mean)^3] / sd^3, N_k(x) = how many images have x among their k nearest",
    source="Radovanovic, Nanopoulos, Ivanovic 2010 (JMLR)",
    higher_is_better=False,
)
def hubness_at_k(embeddings: EmbeddingSet, k: int) -> float:
    """Skewness of the k-occurrence by cosine; 0 without hubs, and where all N_k are equal.

    The first of these is nearest to the four others:

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[9, 0, 0], [9, 5, 0], [9, 0, 6], [9, -7, 0], [9, 0, -8]], [0] * 5)
    >>> round(hubness_at_k(rows, 1), 4)
    1.291
    """
    unit = embeddings.unit
    n = len(unit)
    if k >= n:
        raise UsageError(f"hubness_at_{k}: needs more than {k} images, there are {n}")
    occurrences = np.zeros(n, np.int64)
    step = max(1, (embeddings.memory_mib << 20) // (16 * n))
    for start in range(0, n, step):
        stop = min(n, start + step)
        block = unit[start:stop] @ unit.T
        block[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        nearest = np.argpartition(block, n - k, axis=1)[:, n - k :]
        occurrences += np.bincount(nearest.ravel(), minlength=n)
    centred = occurrences - occurrences.mean()
    spread = float((centred**2).mean())
    return float((centred**3).mean() / spread**1.5) if spread > 0 else 0.0
