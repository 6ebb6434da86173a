"""A ranks table and embeddings written by hand, for the metrics' docstrings and for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.ranks.table import PositiveRanks


def example_ranks(
    ranks: Sequence[Sequence[int]],
    classes: Sequence[str] | None = None,
    gallery_size: int | None = None,
) -> PositiveRanks:
    """Queries with the given positive ranks, all in class "a" unless told otherwise."""
    names = list(classes) if classes is not None else ["a"] * len(ranks)
    class_names = tuple(sorted(set(names)))
    flat = np.array([rank for one in ranks for rank in one], np.int64)
    size = gallery_size if gallery_size is not None else int(flat.max(initial=1))
    return PositiveRanks(
        query_ids=tuple(str(query) for query in range(len(ranks))),
        labels=np.array([class_names.index(name) for name in names], np.int64),
        class_names=class_names,
        gallery_sizes=np.full(len(ranks), size, np.int64),
        offsets=np.concatenate([[0], np.cumsum([len(one) for one in ranks])]).astype(np.int64),
        ranks=flat,
        tied_before=np.zeros(len(flat), np.int64),
        tied_after=np.zeros(len(flat), np.int64),
        similarity="cosine",
    )


def example_embeddings(
    rows: Sequence[Sequence[float]], classes: Sequence[int], train_classes: int | None = None
) -> EmbeddingSet:
    """The rows in float32, with their class codes."""
    return EmbeddingSet(
        np.array(rows, np.float32), np.array(classes, np.int64), train_classes=train_classes
    )
