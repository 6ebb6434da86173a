"""The similarity of every query to each of its positives, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.threads import available_threads, one_blas_thread, run_in_threads
from oodml.evaluation.inputs.pairing import Pairing, class_runs
from oodml.evaluation.inputs.prepare import PreparedRows
from oodml.evaluation.ranks.engines import compiled

# Up to this size insertion in a compiled loop is quicker than a product and a sort a class.
_SMALL_CLASS = 128
_SMALL_CLASS_BYTES = 4 << 20  # of its rows in float64
_QUERIES_A_PIECE = 512


@dataclass(frozen=True)
class Thresholds:
    """Flat, query after query in sorted order; ascending within a query.

    Attributes:
        offsets: int64 [Q + 1]; query i's thresholds are ``[offsets[i], offsets[i + 1])``.
        values: float64 [P], similarity to the positive.
        positions: int64 [P], the positive's gallery position.
        lengths: float64 [P], Euclidean length of the positive's row.
    """

    offsets: NDArray[np.int64]
    values: NDArray[np.float64]
    positions: NDArray[np.int64]
    lengths: NDArray[np.float64]


def positive_thresholds(
    queries: PreparedRows, gallery: PreparedRows, pairing: Pairing, budget_bytes: int
) -> Thresholds:
    """Compute all thresholds: small classes in a compiled loop, others by a product a class."""
    counts = pairing.positives()
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(offsets[-1])
    result = Thresholds(offsets, np.empty(total), np.empty(total, np.int64), np.empty(total))
    looped, dim = 0, queries.rows.shape[1]
    share = budget_bytes // available_threads()
    if compiled.compiled_loops_available():
        looped = min(_SMALL_CLASS, min(_SMALL_CLASS_BYTES, share) // (8 * dim))
        _fill_small(result, queries, gallery, pairing, looped)
    pieces = []
    for start, stop in class_runs(pairing.query_class):
        size = int(pairing.last[start] - pairing.first[start])
        if size > looped:
            step = max(1, share // 2 // (48 * size + 8 * dim))
            pieces += [(begin, min(stop, begin + step)) for begin in range(start, stop, step)]
    with one_blas_thread():
        run_in_threads(lambda at: _fill(result, queries, gallery, pairing, *at, share // 2), pieces)
    return result


def _fill_small(
    result: Thresholds,
    queries: PreparedRows,
    gallery: PreparedRows,
    pairing: Pairing,
    largest: int,
) -> None:
    from oodml.evaluation.ranks.engines import kernels

    def fill(start: int) -> None:
        kernels.thresholds_of(
            start,
            min(start + _QUERIES_A_PIECE, len(queries.rows)),
            largest,
            queries.rows,
            gallery.rows,
            gallery.lengths,
            gallery.half_squares,
            pairing.gallery_rows,
            pairing.first,
            pairing.last,
            pairing.self_column,
            result.offsets,
            result.values,
            result.positions,
            result.lengths,
        )

    run_in_threads(fill, range(0, len(queries.rows), _QUERIES_A_PIECE))


def _fill(
    result: Thresholds,
    queries: PreparedRows,
    gallery: PreparedRows,
    pairing: Pairing,
    start: int,
    stop: int,
    item_bytes: int,
) -> None:
    """Queries start..stop, all of one class; its items take ``item_bytes`` in float64 at a time."""
    first, last = int(pairing.first[start]), int(pairing.last[start])
    block = np.empty((stop - start, last - first))
    left = queries.rows[start:stop].astype(np.float64)
    step = max(1, item_bytes // (8 * left.shape[1]))
    for begin in range(0, last - first, step):
        items = gallery.rows[first + begin : min(last, first + begin + step)]
        np.matmul(left, items.astype(np.float64).T, out=block[:, begin : begin + len(items)])
    block -= gallery.half_squares[first:last]
    own = pairing.self_column[start:stop] - first
    inside = np.flatnonzero((own >= 0) & (own < last - first))
    # The query itself sorts to the end and is cut off there.
    block[inside, own[inside]] = np.inf
    order = np.argsort(block, axis=1)
    counts = np.diff(result.offsets[start : stop + 1])
    kept: Any = np.arange(last - first) < counts[:, None]
    if counts.min() == counts.max():  # always so without a separate gallery; a slice is quicker
        kept = (slice(None), slice(int(counts[0])))
    columns = order[kept].ravel()
    piece = slice(int(result.offsets[start]), int(result.offsets[stop]))
    result.values[piece] = np.take_along_axis(block, order, axis=1)[kept].ravel()
    result.positions[piece] = pairing.gallery_rows[first:last][columns]
    result.lengths[piece] = gallery.lengths[first:last][columns]
