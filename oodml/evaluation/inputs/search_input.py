"""What every search of neighbours is given: queries, perhaps a gallery, labels and ids, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.inputs.pairing import Pairing, check_ids, pair_up
from oodml.evaluation.inputs.prepare import as_matrix, largest_length


@dataclass(frozen=True)
class SearchInput:
    """Queries and gallery (the same array without a gallery), and who is whose positive.

    Attributes:
        query_ids: [N] ids of ``queries``, by default the row numbers.
    """

    queries: NDArray[Any]
    gallery: NDArray[Any]
    query_ids: tuple[str, ...]
    pairing: Pairing

    def largest(self, similarity: str) -> float:
        """The longest row of both, for `oodml.evaluation.inputs.prepare.prepare`; cosine needs none."""
        if similarity == "cosine":
            return 1.0
        longest = largest_length(self.queries, "embeddings")
        if self.gallery is self.queries:
            return longest
        return max(longest, largest_length(self.gallery, "gallery_embeddings"))

    def labelled_queries(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The labelled rows in the order given [N, D] and their class codes int64 [N].

        A view of ``queries`` where all are labelled.
        """
        rows = np.sort(self.pairing.query_rows)
        codes = np.empty(len(self.queries), np.int64)
        codes[self.pairing.query_rows] = self.pairing.query_class
        everything = len(rows) == len(self.queries)
        return (self.queries if everything else self.queries[rows]), codes[rows]


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
    queries, names = labelled_rows(embeddings, labels, ids)
    gallery, gallery_names = queries, names
    if gallery_embeddings is not None:
        gallery, gallery_names = labelled_rows(
            gallery_embeddings, gallery_labels, gallery_ids, "gallery_"
        )
        if gallery.shape[1] != queries.shape[1]:
            raise DataError(
                f"embeddings have {queries.shape[1]} columns, gallery_embeddings have "
                f"{gallery.shape[1]}; both must come from one model"
            )
    pairing = pair_up(labels, gallery_labels, names, gallery_names)
    return SearchInput(queries, gallery, names or row_names(len(queries)), pairing)


def labelled_rows(
    embeddings: Any, labels: Any, ids: Sequence[str] | None, prefix: str = ""
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """A checked matrix with as many labels as rows, and its ids if there are any."""
    matrix = as_matrix(embeddings, f"{prefix}embeddings", ids)
    names = check_ids(ids, len(matrix), f"{prefix}ids")
    if len(labels) != len(matrix):
        raise DataError(f"{prefix}labels: {len(labels)} labels for {len(matrix)} rows")
    return matrix, names


def row_names(count: int) -> tuple[str, ...]:
    """The ids of rows that were given none: their numbers."""
    return tuple(str(row) for row in range(count))
