"""How far apart images of one class, and the classes, are (cosine distance)."""

from __future__ import annotations

import numpy as np

from oodml.core.errors import DataError
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.metrics.registry import register_embedding_metric

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
    # The sum of x . y over pairs x != y of a class is |sum x|^2 - sum |x|^2.
    products = (embeddings.unit_sums**2).sum(axis=1) - embeddings.unit_squares
    return float(np.mean(1.0 - products[several] / (sizes * (sizes - 1))[several]))


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
    sums = embeddings.unit_sums
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    centres = sums / np.where(length == 0, 1.0, length)
    total = float((centres.sum(axis=0) ** 2).sum() - (centres**2).sum())
    count = embeddings.classes
    return 1.0 - total / (count * (count - 1))


@register_embedding_metric(
    "intra_inter_ratio",
    formula="intra_class_distance / inter_class_distance",
    source=_SOURCE.format("ratio", "intra_over_inter"),
    higher_is_better=False,
)
def intra_inter_ratio(embeddings: EmbeddingSet) -> float:
    """Spread within classes relative to the spread of classes (floored at 1e-8).

    >>> from oodml.evaluation.metrics.examples import example_embeddings
    >>> rows = example_embeddings([[1, 0], [0, 2], [-1, 0], [0, -1]], [0, 0, 1, 1])
    >>> round(intra_inter_ratio(rows), 4)
    0.5
    """
    return intra_class_distance(embeddings) / max(1e-8, inter_class_distance(embeddings))
