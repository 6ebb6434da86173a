"""Second look, in float64, at pairs that float32 cannot order safely.

**The tie rule of oodml.** Let s(q, x) be the similarity of a query and a gallery item in float64,
computed from the prepared float32 rows. Gallery items x and y are *tied* for q if
``|s(q, x) - s(q, y)| <= 2**-40 * (|q| * max(|x|, |y|) + max(|x|, |y|)**2 / 2)`` (the second term
for Euclidean only; |.| is Euclidean length, so the bound is 9.1e-13 for cosine). That is far above
the rounding of float64 and far below that of float32 rows, so exact duplicates are always ties and
the order of sums, the block size and the device decide nothing. Tied items are ordered by gallery
position; the numbers of tied negatives before and after each positive are kept, from which the
optimistic, pessimistic and expected ranks follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.prepare import PreparedRows
from oodml.evaluation.thresholds import Thresholds

TIE_TOLERANCE = 2.0**-40
_DENSE_SHARE = 0.05
_TRIPLES_BYTES = 64


@dataclass
class Tally:
    """Negatives counted against every threshold; int64 [P] each, aligned with Thresholds.

    Attributes:
        above: strictly more similar.
        tied_before, tied_after: tied, standing earlier / later in the gallery.
    """

    above: NDArray[np.int64]
    tied_before: NDArray[np.int64]
    tied_after: NDArray[np.int64]

    @classmethod
    def zeros(cls, count: int) -> Tally:
        return cls(*(np.zeros(count, np.int64) for _ in range(3)))


def clear_margin(dim: int, query_length: float, gallery_length: float, euclidean: bool) -> float:
    """Float32 similarities further from a threshold than this are on the right side for certain.

    A sum of D products that is rounded D times, each time by at most 2**-25 of a partial sum that
    (Cauchy-Schwarz) never exceeds |q| |x|, is off by at most D * 2**-25 * |q| |x|; the 4 units of
    2**-24 cover rounding the products, the threshold and the Euclidean offset.
    """
    scale = query_length * gallery_length + (gallery_length**2 / 2 if euclidean else 0.0)
    return (dim / 2 + 4) * 2.0**-24 * scale


def second_look(
    tally: Tally,
    thresholds: Thresholds,
    queries: PreparedRows,
    gallery: PreparedRows,
    gallery_positions: NDArray[np.int64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    tile: tuple[slice, slice],
    budget_bytes: int,
) -> None:
    """Count the close pairs (sorted query ``rows[i]``, sorted gallery ``columns[i]``) in float64.

    Every pair is compared with all thresholds of its query, so the caller must not have counted
    it. ``rows`` must be ascending; all pairs lie in ``tile`` (query rows, gallery columns).
    """
    block_rows, block_columns = tile
    cells = (block_rows.stop - block_rows.start) * (block_columns.stop - block_columns.start)
    if len(rows) > _DENSE_SHARE * cells:
        similarity = _dense_similarity(queries, gallery, rows, columns, tile)
    else:
        similarity = _sparse_similarity(queries, gallery, rows, columns, budget_bytes)
    per_pair = thresholds.offsets[rows + 1] - thresholds.offsets[rows]
    limit = max(1, budget_bytes // _TRIPLES_BYTES)
    ends = np.cumsum(per_pair)
    start = 0
    while start < len(rows):
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + limit, side="right")))
        pairs = slice(start, stop)
        _compare(
            tally,
            thresholds,
            np.repeat(similarity[pairs], per_pair[pairs]),
            np.repeat(queries.lengths[rows[pairs]], per_pair[pairs]),
            np.repeat(gallery.lengths[columns[pairs]], per_pair[pairs]),
            np.repeat(gallery_positions[columns[pairs]], per_pair[pairs]),
            _ranges(thresholds.offsets[rows[pairs]], per_pair[pairs]),
            bool(gallery.half_squares.any()),
        )
        start = stop


def _compare(
    tally: Tally,
    thresholds: Thresholds,
    similarity: NDArray[np.float64],
    query_length: NDArray[np.float64],
    item_length: NDArray[np.float64],
    item_position: NDArray[np.int64],
    which: NDArray[np.int64],
    euclidean: bool,
) -> None:
    """One entry a (pair, threshold); ``which`` is the threshold's flat index."""
    longer = np.maximum(item_length, thresholds.lengths[which])
    tolerance = TIE_TOLERANCE * (query_length * longer + (0.5 * longer**2 if euclidean else 0.0))
    difference = similarity - thresholds.values[which]
    low = int(which.min()) if len(which) else 0
    width = int(which.max()) - low + 1 if len(which) else 0
    span = slice(low, low + width)
    tied = np.abs(difference) <= tolerance
    before = tied & (item_position < thresholds.positions[which])
    tally.above[span] += np.bincount(which[difference > tolerance] - low, minlength=width)
    tally.tied_before[span] += np.bincount(which[before] - low, minlength=width)
    tally.tied_after[span] += np.bincount(which[tied & ~before] - low, minlength=width)


def _sparse_similarity(
    queries: PreparedRows,
    gallery: PreparedRows,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    budget_bytes: int,
) -> NDArray[np.float64]:
    result = np.empty(len(rows))
    step = max(1, budget_bytes // (40 * queries.rows.shape[1]))
    for start in range(0, len(rows), step):
        at = slice(start, start + step)
        left = queries.rows[rows[at]].astype(np.float64)
        right = gallery.rows[columns[at]].astype(np.float64)
        result[at] = np.einsum("ij,ij->i", left, right)
    return result - gallery.half_squares[columns]


def _dense_similarity(
    queries: PreparedRows,
    gallery: PreparedRows,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    tile: tuple[slice, slice],
) -> NDArray[np.float64]:
    # Collapsed embeddings make most pairs close; one float64 product then beats gathering rows.
    at, over = tile
    block = queries.rows[at].astype(np.float64) @ gallery.rows[over].T.astype(np.float64)
    return block[rows - at.start, columns - over.start] - gallery.half_squares[columns]


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """starts[0], starts[0]+1, ... (lengths[0] of them), starts[1], ..."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
