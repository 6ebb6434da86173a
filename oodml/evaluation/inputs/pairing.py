"""Who is a query, who is in the gallery, who is a positive of whom, and who is oneself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError
from oodml.core.labels import UNLABELLED, encode_labels, plain_labels
from oodml.core.short_repr import short_fields


@dataclass(frozen=True, repr=False)
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

    __repr__ = short_fields


def pair_up(
    labels: Sequence[Any] | NDArray[Any],
    gallery_labels: Sequence[Any] | NDArray[Any] | None,
    ids: Sequence[str] | None,
    gallery_ids: Sequence[str] | None,
) -> Pairing:
    """Sort queries and gallery by class and find each query in the gallery.

    Without ``gallery_labels`` the queries are their own gallery and a query's own row is itself.
    With a gallery, an item is the query itself if both have ids and the ids are equal.
    A missing label (`oodml.core.labels`) means unlabelled: never a query, never a positive.
    """
    leave_one_out = gallery_labels is None
    columns = [plain_labels(labels)]
    if gallery_labels is not None:
        columns.append(plain_labels(gallery_labels, "gallery_labels"))
    codes, names = encode_labels(columns)
    query_codes = codes[0]
    gallery_codes = codes[-1]
    query_order = np.argsort(query_codes, kind="stable")
    gallery_order = np.argsort(gallery_codes, kind="stable")
    unlabelled = int((query_codes == UNLABELLED).sum())
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
        unlabelled_gallery=int((gallery_codes == UNLABELLED).sum()),
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
