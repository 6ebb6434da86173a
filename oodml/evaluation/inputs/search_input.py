"""What every search of neighbours is given: queries, perhaps a gallery, labels and ids, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.labels import Labels, plain_labels
from oodml.core.matrix import as_matrix
from oodml.core.short_repr import short_fields
from oodml.evaluation.inputs.frame import Frame, Similarity, frame_of
from oodml.evaluation.inputs.pairing import Pairing, check_ids, pair_up
from oodml.evaluation.inputs.self_matches import refuse_own_copies


@dataclass(frozen=True, repr=False)
class SearchInput:
    """Queries and gallery (the same array without a gallery), and who is whose positive.

    Attributes:
        query_ids: [N] ids of ``queries``, by default the row numbers.
    """

    queries: NDArray[Any]
    gallery: NDArray[Any]
    query_ids: tuple[str, ...]
    pairing: Pairing

    def frame(self, similarity: Similarity) -> Frame:
        """The frame that both are compared in."""
        sets = [(self.queries, "embeddings")]
        if self.gallery is not self.queries:
            sets.append((self.gallery, "gallery_embeddings"))
        return frame_of(similarity, self.queries, sets)

    def labelled_queries(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The labelled rows in the order given [N, D] and their class codes int64 [N].

        A view of ``queries`` where all are labelled.
        """
        rows = np.sort(self.pairing.query_rows)
        codes = np.empty(len(self.queries), np.int64)
        codes[self.pairing.query_rows] = self.pairing.query_class
        everything = len(rows) == len(self.queries)
        return (self.queries if everything else self.queries[rows]), codes[rows]

    __repr__ = short_fields


def check_gallery_arguments(gallery_embeddings: Any, gallery_labels: Any, gallery_ids: Any) -> None:
    """UsageError for half a gallery."""
    if (gallery_embeddings is None) != (gallery_labels is None):
        raise UsageError("gallery_embeddings and gallery_labels go together: give both or neither")
    if gallery_embeddings is None and gallery_ids is not None:
        raise UsageError("gallery_ids without gallery_embeddings; use ids")


def read_input(
    embeddings: Any,
    labels: Sequence[Any] | NDArray[Any],
    ids: Sequence[str] | None,
    gallery_embeddings: Any,
    gallery_labels: Sequence[Any] | NDArray[Any] | None,
    gallery_ids: Sequence[str] | None,
) -> SearchInput:
    """Check and pair everything.

    Raises:
        DataError: shapes or lengths that do not fit, NaN (naming the row), repeated ids.
    """
    queries, names, query_labels = labelled_rows(embeddings, labels, ids)
    gallery, gallery_names, others = queries, names, None
    if gallery_embeddings is not None:
        gallery, gallery_names, others = labelled_rows(
            gallery_embeddings, gallery_labels, gallery_ids, "gallery_"
        )
        if gallery.shape[1] != queries.shape[1]:
            raise DataError(
                f"embeddings have {queries.shape[1]} columns, gallery_embeddings have "
                f"{gallery.shape[1]}; both must come from one model"
            )
        if names is None or gallery_names is None:
            refuse_own_copies(queries, gallery, "gallery_embeddings hold")
    pairing = pair_up(query_labels, others, names, gallery_names)
    return SearchInput(queries, gallery, names or row_names(len(queries)), pairing)


def labelled_rows(
    embeddings: Any, labels: Any, ids: Sequence[str] | None, prefix: str = ""
) -> tuple[NDArray[Any], tuple[str, ...] | None, Labels]:
    """A checked matrix, its ids if there are any, and as many labels as rows."""
    matrix = as_matrix(embeddings, f"{prefix}embeddings", ids)
    names = check_ids(ids, len(matrix), f"{prefix}ids")
    column = plain_labels(labels, f"{prefix}labels")
    if len(column) != len(matrix):
        raise DataError(f"{prefix}labels: {len(column)} labels for {len(matrix)} rows")
    return matrix, names, column


def row_names(count: int) -> tuple[str, ...]:
    """The ids of rows that were given none: their numbers."""
    return tuple(str(row) for row in range(count))
