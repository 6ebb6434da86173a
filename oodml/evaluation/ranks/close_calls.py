"""Second look, in float64, at pairs that float32 cannot order safely.

**The tie rule of oodml.** Let s(q, x) be the similarity of a query and a gallery item in float64,
computed from the prepared float32 rows. Gallery items x and y are *tied* for q if
``|s(q, x) - s(q, y)| <= 2**-40 * (|q| * max(|x|, |y|) + max(|x|, |y|)**2 / 2)`` (the second term
for Euclidean only; |.| is Euclidean length, so the bound is 9.1e-13 for cosine). That is ten
thousand times the rounding of float64 and a ten-thousandth of that of float32 rows: exact duplicates
are always ties, and the order of sums, the block size and the device decide nothing, but for gaps
within rounding (1e-16) of the bound itself, which only embeddings collapsed to a point have. Tied
items are ordered by gallery position; the numbers of tied negatives before and after each positive
are kept, from which the optimistic, pessimistic and expected ranks follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.inputs.prepare import PreparedRows
from oodml.evaluation.ranks.thresholds import Thresholds

TIE_TOLERANCE = 2.0**-40
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
    similarity: NDArray[np.float64],
    budget_bytes: int,
) -> None:
    """Count the close pairs (sorted query ``rows[i]``, sorted gallery ``columns[i]``).

    Every pair is compared, by its float64 ``similarity``, with all thresholds of its query, so the
    caller must not have counted it.
    """
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


def _ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """starts[0], starts[0]+1, ... (lengths[0] of them), starts[1], ..."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
