"""Who is a query, who is in the gallery, who is a positive of whom, and who is oneself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError

_UNLABELLED = -1


@dataclass(frozen=True)
class Pairing:
    """Queries and gallery in class order, so that a query's positives are one slice of columns.

    Attributes:
        query_rows: [Q] row of the query matrix, sorted by class (then row).
        gallery_rows: [G] row of the gallery matrix, sorted by class (then row); its value is also
            the item's *gallery position*, by which ties are ordered.
        query_class: [Q] class code of each sorted query.
        first, last: [Q] the slice of sorted gallery columns of the query's own class.
        self_column: [Q] the query's own column in the sorted gallery, or -1.
        class_names: names by code, in sorted order.
        unlabelled_queries: labelled rows only are queries; this many were left out.
        unlabelled_gallery: gallery items that are nobody's positive for want of a label.
        leave_one_out: queries and gallery are one set.
    """

    query_rows: NDArray[np.int64]
    gallery_rows: NDArray[np.int64]
    query_class: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    self_column: NDArray[np.int64]
    class_names: tuple[str, ...]
    unlabelled_queries: int
    unlabelled_gallery: int
    leave_one_out: bool

    def positives(self) -> NDArray[np.int64]:
        """Number of positives of each sorted query, itself excluded: int64 [Q]."""
        own = (self.self_column >= self.first) & (self.self_column < self.last)
        return self.last - self.first - own

    def gallery_sizes(self) -> NDArray[np.int64]:
        """Gallery items each sorted query is compared with, itself excluded: int64 [Q]."""
        return len(self.gallery_rows) - (self.self_column >= 0).astype(np.int64)


def pair_up(
    labels: Sequence[Any] | NDArray[Any],
    gallery_labels: Sequence[Any] | NDArray[Any] | None,
    ids: Sequence[str] | None,
    gallery_ids: Sequence[str] | None,
) -> Pairing:
    """Sort queries and gallery by class and find each query in the gallery.

    Without ``gallery_labels`` the queries are their own gallery and a query's own row is itself.
    With a gallery, an item is the query itself if both have ids and the ids are equal.
    A label of None, NaN or "" means unlabelled: never a query, never a positive.
    """
    leave_one_out = gallery_labels is None
    columns = [label_column(labels)]
    if gallery_labels is not None:
        columns.append(label_column(gallery_labels))
    codes, names = _encode(columns)
    query_codes = codes[0]
    gallery_codes = codes[-1]
    query_order = np.argsort(query_codes, kind="stable")
    gallery_order = np.argsort(gallery_codes, kind="stable")
    unlabelled = int((query_codes == _UNLABELLED).sum())
    query_rows = query_order[unlabelled:]
    query_class = query_codes[query_rows]
    sorted_codes = gallery_codes[gallery_order]
    return Pairing(
        query_rows=query_rows,
        gallery_rows=gallery_order,
        query_class=query_class,
        first=np.searchsorted(sorted_codes, query_class, side="left").astype(np.int64),
        last=np.searchsorted(sorted_codes, query_class, side="right").astype(np.int64),
        self_column=_own_columns(query_rows, gallery_order, ids, gallery_ids, leave_one_out),
        class_names=names,
        unlabelled_queries=unlabelled,
        unlabelled_gallery=int((gallery_codes == _UNLABELLED).sum()),
        leave_one_out=leave_one_out,
    )


def class_runs(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(start, stop) of every run of equal codes.

    Queries are told apart by class and not by ``Pairing.first``, which a class without gallery
    items shares with the next one.
    """
    if not len(codes):
        return []
    borders = np.flatnonzero(np.diff(codes)) + 1
    return list(pairwise([0, *borders.tolist(), len(codes)]))


LabelColumn = list[Any] | NDArray[np.int64]


def label_column(labels: Sequence[Any] | NDArray[Any]) -> LabelColumn:
    """Whole numbers given as an array or tensor stay one (int64), other labels become a list.

    A list of Python integers takes five times the memory, which matters for large galleries.
    """
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        return list_labels(labels)
    fits = np.can_cast(labels.dtype, np.int64)
    return labels.astype(np.int64, copy=False) if fits else list_labels(labels)


def list_labels(labels: Sequence[Any] | NDArray[Any]) -> list[Any]:
    """Labels as a plain list; torch tensors and arrays of integers or strings are accepted."""
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    if isinstance(labels, np.ndarray):
        if labels.ndim != 1:
            raise DataError(f"labels: expected one dimension, got shape {labels.shape}")
        return labels.tolist()
    return list(labels)


def check_ids(ids: Sequence[str] | None, count: int, name: str) -> tuple[str, ...] | None:
    """Ids as strings, one a row and unique; DataError otherwise."""
    if ids is None:
        return None
    texts = tuple(str(one) for one in ids)
    if len(texts) != count:
        raise DataError(f"{name}: {len(texts)} ids for {count} rows")
    if len(set(texts)) != count:
        seen: set[str] = set()
        for row, one in enumerate(texts):
            if one in seen:
                raise DataError(f"{name}: id {one!r} stands again at row {row}; ids must be unique")
            seen.add(one)
    return texts


def _encode(given: list[LabelColumn]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    arrays = [column for column in given if isinstance(column, np.ndarray)]
    if len(arrays) == len(given):
        ordered_codes = np.unique(np.concatenate([np.unique(column) for column in arrays]))
        found = [np.searchsorted(ordered_codes, column).astype(np.int64) for column in arrays]
        return found, tuple(str(one) for one in ordered_codes.tolist())
    columns = [list_labels(column) for column in given]
    values = {one for column in columns for one in column if not is_missing(one)}
    # Whole numbers sort as numbers; anything else, or a mixture, by its text.
    if all(isinstance(one, (int, np.integer)) for one in values):
        ordered = sorted(values)
    else:
        values = {str(one) for one in values}
        columns = [[one if is_missing(one) else str(one) for one in column] for column in columns]
        ordered = sorted(values)
    code_of = {one: code for code, one in enumerate(ordered)}
    coded = [
        np.array([_UNLABELLED if is_missing(one) else code_of[one] for one in column], np.int64)
        for column in columns
    ]
    return coded, tuple(str(one) for one in ordered)


def is_missing(label: Any) -> bool:
    """Whether a label stands for "unlabelled": None, "" or NaN."""
    if label is None or isinstance(label, str):
        return not label
    return bool(label != label)  # NaN


def _own_columns(
    query_rows: NDArray[np.int64],
    gallery_rows: NDArray[np.int64],
    ids: Sequence[str] | None,
    gallery_ids: Sequence[str] | None,
    leave_one_out: bool,
) -> NDArray[np.int64]:
    column_of_row = np.empty(len(gallery_rows), np.int64)
    column_of_row[gallery_rows] = np.arange(len(gallery_rows))
    if leave_one_out:
        return column_of_row[query_rows]
    if ids is None or gallery_ids is None:
        return np.full(len(query_rows), -1, np.int64)
    row_of_id = {one: row for row, one in enumerate(gallery_ids)}
    rows = [row_of_id.get(ids[row], -1) for row in query_rows]
    return np.array([column_of_row[row] if row >= 0 else -1 for row in rows], np.int64)
