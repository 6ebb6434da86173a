"""How far apart images of one class, and the classes, are (cosine distance)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric

_NO_LENGTH = 1e-14
_SOURCE = "Roth et al. 2020 (ICML), pi_{}; as in the ooDML code, dists@{}"


@register_embedding_metric(
    "intra_class_distance",
    formula="mean over classes of the mean of 1 - cos(x, y) over pairs x != y of the class",
    source=_SOURCE.format("intra", "intra"),
    higher_is_better=False,
    unit="distance",
)
def intra_class_distance(embeddings: EmbeddingSet) -> float:
    """Mean cosine distance within a class; classes of one image are left out.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> round(intra_class_distance(rows), 4)
    1.0
    """
    sizes = embeddings.class_sizes
    several = sizes > 1
    if not several.any():
        raise DataError("intra_class_distance: every class has one image")
    spreads, zeros = embeddings.class_spreads[several], embeddings.class_zeros[several]
    return float(_mean_distances(spreads, zeros, sizes[several]).mean())


@register_embedding_metric(
    "inter_class_distance",
    formula="mean of 1 - cos(m_a, m_b) over pairs a != b of class means of the unit vectors",
    source=_SOURCE.format("inter", "inter"),
    unit="distance",
)
def inter_class_distance(embeddings: EmbeddingSet) -> float:
    """Mean cosine distance between class centres.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> round(inter_class_distance(rows), 4)
    2.0
    """
    if embeddings.classes < 2:
        raise DataError("inter_class_distance: needs at least two classes")
    means = embeddings.class_means
    length = np.linalg.norm(means, axis=1)
    # A mean that is rounding has no direction: like a zero vector it has cosine 0 with everything.
    length[length < _NO_LENGTH] = 0.0
    centres = np.where(length == 0, 0.0, 1.0)[:, None] * means
    centres /= np.where(length == 0, 1.0, length)[:, None]
    apart = centres - centres[0]
    spread = ((apart - apart.mean(axis=0)) ** 2).sum()
    zeros = (length == 0).sum()
    return float(_mean_distances(spread, zeros, np.asarray(embeddings.classes)))


@register_embedding_metric(
    "intra_inter_ratio",
    formula="intra_class_distance / inter_class_distance",
    source=_SOURCE.format("ratio", "intra_over_inter"),
    higher_is_better=False,
)
def intra_inter_ratio(embeddings: EmbeddingSet) -> float:
    """Spread within classes relative to the spread of classes.

    Refused where the class means do not differ beyond rounding: embeddings that collapsed to a point
    have no such ratio.

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> round(intra_inter_ratio(rows), 4)
    0.5
    """
    between = inter_class_distance(embeddings)
    if between <= embeddings.rounding:
        raise DataError(
            f"intra_inter_ratio: the class means differ by no more than rounding (mean cosine distance "
            f"{between:.3g}); embeddings that collapsed to a point have no such ratio"
        )
    return intra_class_distance(embeddings) / between


def _mean_distances(
    spread: NDArray[np.float64], zeros: NDArray[np.int64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean of 1 - x . y over pairs x != y of ``count`` vectors of length 1, but for some of length 0.

    For unit vectors it is half the squared distance, and those add up to ``count`` times the sum of
    the squared distances from the mean, ``spread``: no difference of large numbers is taken.
    """
    return np.asarray(spread / (count - 1) + zeros / count)
