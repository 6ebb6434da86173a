"""Are a few images everybody's neighbours?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric
from oodml.evaluation.ranks.close_calls import TIE_TOLERANCE, clear_margin


@register_embedding_metric(
    "hubness_at_k",
    formula="E[(N_k - mean)^3] / sd^3, N_k(x) = how many images have x among their k nearest",
    source="Radovanovic, Nanopoulos, Ivanovic 2010 (JMLR)",
    higher_is_better=False,
)
def hubness_at_k(embeddings: EmbeddingSet, k: int) -> float:
    """Skewness of the k-occurrence by cosine; 0 without hubs, and where all N_k are equal.

    Images that are equally near share the places that are left: N_k is its mean over the orders of the
    tied, so that copies of an image, or embeddings that collapsed, make no hub by their row number.

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
    occurrences = np.zeros(n)
    if (unit == unit[0]).all():
        return 0.0
    margin = clear_margin(unit.shape[1], 1.0, 1.0, False)
    step = max(1, (embeddings.memory_mib << 20) // (16 * n))
    for start in range(0, n, step):
        stop = min(n, start + step)
        block = unit[start:stop] @ unit.T
        block[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        near = np.argpartition(block, (n - k - 1, n - k), axis=1)
        edge = np.take_along_axis(block, near[:, n - k - 1 : n - k + 1], axis=1)
        # float32 says which are nearest, but where the k-th and the next one are as good as equal
        close = edge[:, 1] - edge[:, 0] <= 2 * margin
        occurrences += np.bincount(near[~close, n - k :].ravel(), minlength=n)
        for row in np.flatnonzero(close).tolist():
            likely = np.flatnonzero(block[row] >= edge[row, 1] - 2 * margin)
            occurrences[likely] += _shares(unit, start + row, likely, k)
    centred = occurrences - occurrences.mean()
    spread = float((centred**2).mean())
    return float((centred**3).mean() / spread**1.5) if spread > 0 else 0.0


def _shares(
    unit: NDArray[np.float32], row: int, likely: NDArray[np.intp], k: int
) -> NDArray[np.float64]:
    """What each of the likely neighbours of a row gets of its k places, by the tie rule of ranks."""
    values = unit[likely].astype(np.float64) @ unit[row].astype(np.float64)
    edge = np.partition(values, len(values) - k)[len(values) - k]
    nearer = values > edge + TIE_TOLERANCE
    tied = ~nearer & (values >= edge - TIE_TOLERANCE)
    return nearer + tied * ((k - nearer.sum()) / tied.sum())
