"""The similarity of every query to each of its positives, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.pairing import Pairing
from oodml.evaluation.prepare import PreparedRows


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
    """Compute all thresholds, one small matrix product a class."""
    counts = pairing.positives()
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    total = int(offsets[-1])
    result = Thresholds(offsets, np.empty(total), np.empty(total, np.int64), np.empty(total))
    for start, stop in _class_runs(pairing.query_class):
        first, last = int(pairing.first[start]), int(pairing.last[start])
        if first == last:
            continue
        step = max(1, budget_bytes // (48 * (last - first)))
        for begin in range(start, stop, step):
            _fill(result, queries, gallery, pairing, begin, min(stop, begin + step))
    return result


def _fill(
    result: Thresholds,
    queries: PreparedRows,
    gallery: PreparedRows,
    pairing: Pairing,
    start: int,
    stop: int,
) -> None:
    """Queries start..stop, all of one class."""
    first, last = int(pairing.first[start]), int(pairing.last[start])
    block = queries.rows[start:stop].astype(np.float64) @ gallery.rows[first:last].T.astype(
        np.float64
    )
    block -= gallery.half_squares[first:last]
    own = pairing.self_column[start:stop] - first
    inside = np.flatnonzero((own >= 0) & (own < last - first))
    # The query itself sorts to the end and is cut off there.
    block[inside, own[inside]] = np.inf
    order = np.argsort(block, axis=1, kind="stable")
    kept = np.arange(last - first) < (
        result.offsets[start + 1 : stop + 1, None] - result.offsets[start:stop, None]
    )
    piece = slice(int(result.offsets[start]), int(result.offsets[stop]))
    columns = order[kept]
    result.values[piece] = np.take_along_axis(block, order, axis=1)[kept]
    result.positions[piece] = pairing.gallery_rows[first + columns]
    result.lengths[piece] = gallery.lengths[first + columns]


def _class_runs(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    if not len(codes):
        return []
    edges = np.flatnonzero(np.diff(codes)) + 1
    bounds = [0, *edges.tolist(), len(codes)]
    return list(pairwise(bounds))
