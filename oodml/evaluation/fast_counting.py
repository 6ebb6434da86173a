"""Counting on the CPU: compiled loops, a thread pool over tiles, each product used twice.

Leave-one-out similarities are symmetric, so the tile of blocks (I, J) serves the queries of I
against the items of J and the queries of J against the items of I, and only tiles with I <= J are
multiplied.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation import kernels
from oodml.evaluation.close_calls import TIE_TOLERANCE, Tally, clear_margin
from oodml.evaluation.pairing import Pairing
from oodml.evaluation.prepare import PreparedRows
from oodml.evaluation.threads import available_threads, one_blas_thread
from oodml.evaluation.thresholds import Thresholds

_SIDE = 512
# Up to this many positives a query, comparing everything with each threshold beats sorting.
_FEW = 16
# From this share of close values on, the float64 products come from BLAS.
_DENSE_SHARE = 0.1
_CELL_BYTES = 24
_THRESHOLD_BYTES = 40


def count_negatives_above_on_cpu(
    queries: PreparedRows,
    gallery: PreparedRows,
    pairing: Pairing,
    thresholds: Thresholds,
    *,
    budget_bytes: int,
    threads: int | None = None,
) -> Tally:
    """The same counts as `oodml.evaluation.counting.count_negatives_above`, faster."""
    workers = threads or available_threads()
    job = _Job(queries, gallery, pairing, thresholds, symmetric=queries is gallery)
    share = budget_bytes // workers
    rows = _blocks(len(queries.rows), share, thresholds)
    columns = rows if job.symmetric else _blocks(len(gallery.rows), share, None)
    tiles = _Shared(_tiles(rows, columns, job.symmetric))
    workers = min(workers, len(rows) * len(columns))
    with one_blas_thread():
        if workers <= 1:
            _work(job, tiles)
        else:
            with ThreadPoolExecutor(workers) as pool:
                running = [pool.submit(_work, job, tiles) for _ in range(workers)]
                try:
                    for one in running:
                        one.result()
                finally:
                    tiles.close()  # after an error or Ctrl-C the other workers stop too
    return job.tally


@dataclass
class _Job:
    """What all workers share; ``tally`` is written under ``lock``."""

    queries: PreparedRows
    gallery: PreparedRows
    pairing: Pairing
    thresholds: Thresholds
    symmetric: bool
    tally: Tally = field(init=False)
    low: NDArray[np.float32] = field(init=False)
    high: NDArray[np.float32] = field(init=False)
    half: NDArray[np.float32] | None = field(init=False)
    lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        euclidean = bool(self.gallery.half_squares.any())
        self.half = self.gallery.half_squares.astype(np.float32) if euclidean else None
        margin = clear_margin(
            self.queries.rows.shape[1],
            float(self.queries.lengths.max(initial=0.0)),
            float(self.gallery.lengths.max(initial=0.0)),
            euclidean,
        )
        self.low = (self.thresholds.values - margin).astype(np.float32)
        self.high = (self.thresholds.values + margin).astype(np.float32)
        self.tally = Tally.zeros(len(self.low))


class _Shared:
    """An iterator that several threads may draw from."""

    def __init__(self, items: Iterator[tuple[slice, slice]]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def draw(self) -> tuple[slice, slice] | None:
        with self._lock:
            return next(self._items, None)

    def close(self) -> None:
        with self._lock:
            self._items = iter(())


def _work(job: _Job, tiles: _Shared) -> None:
    space = np.empty(0, np.float32)
    while (tile := tiles.draw()) is not None:
        rows, columns = tile
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        if space.size < shape[0] * shape[1]:
            space = np.empty(shape[0] * shape[1], np.float32)
        block = space[: shape[0] * shape[1]].reshape(shape)
        np.matmul(job.queries.rows[rows], job.gallery.rows[columns].T, out=block)
        pairing = job.pairing
        kernels.mask_own(
            block, columns.start, pairing.first[rows], pairing.last[rows], pairing.self_column[rows]
        )
        half = job.half
        if job.symmetric and rows != columns:
            seen = block if half is None else block - half[rows, None]
            _count(job, seen, columns, rows, columns_are_queries=True)
        if half is not None:
            block -= half[columns]
        _count(job, block, rows, columns, columns_are_queries=False)


def _count(
    job: _Job, block: NDArray[np.float32], at: slice, items: slice, *, columns_are_queries: bool
) -> None:
    """Count one tile for the queries ``at`` against the gallery items ``items``."""
    offsets = job.thresholds.offsets[at.start : at.stop + 1]
    base, end = int(offsets[0]), int(offsets[-1])
    if base == end:
        return
    above = np.zeros(end - base, np.int64)
    close = np.zeros(end - base, np.bool_)
    bounds = (offsets, job.low, job.high, base, above, close)
    few = int(np.diff(offsets).max()) <= _FEW
    if columns_are_queries and few:
        found = kernels.count_columns_by_comparing(block, *bounds)
    else:
        if columns_are_queries:
            block = _transposed(block)
        if few:
            found = kernels.count_by_comparing(block, *bounds)
        else:
            found = kernels.count_by_searching(np.sort(block, axis=1), *bounds)
    tied = None
    if found:
        which = np.unique(np.searchsorted(offsets, np.flatnonzero(close) + base, side="right") - 1)
        tile_rows = which
        if columns_are_queries and few:
            block, tile_rows = np.ascontiguousarray(block[:, which].T), np.arange(len(which))
        products = np.empty((0, 0))
        if found > _DENSE_SHARE * block.shape[1] * len(which):
            # Collapsed embeddings make most pairs close; one product then beats one by one.
            left = job.queries.rows[at][which].astype(np.float64)
            products = left @ job.gallery.rows[items].T.astype(np.float64)
        tied = _resolve(job, which, tile_rows, block, at, items, offsets, close, above, products)
    with job.lock:
        job.tally.above[base:end] += above
        if tied is not None:
            job.tally.tied_before[base:end] += tied[0]
            job.tally.tied_after[base:end] += tied[1]


def _transposed(block: NDArray[np.float32]) -> NDArray[np.float32]:
    result = np.empty(block.shape[::-1], np.float32)
    kernels.transpose(block, result)
    return result


def _resolve(
    job: _Job,
    which: NDArray[np.int64],
    tile_rows: NDArray[np.int64],
    block: NDArray[np.float32],
    at: slice,
    items: slice,
    offsets: NDArray[np.int64],
    close: NDArray[np.bool_],
    above: NDArray[np.int64],
    products: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Add the close pairs to ``above``; returns the ties before and after, like ``above``."""
    tied_before, tied_after = np.zeros_like(above), np.zeros_like(above)
    kernels.resolve_close(
        which,
        tile_rows,
        block,
        job.queries.rows[at],
        job.gallery.rows[items],
        job.queries.lengths[at],
        job.gallery.lengths[items],
        job.gallery.half_squares[items],
        job.pairing.gallery_rows[items],
        offsets,
        job.low,
        job.high,
        job.thresholds.values,
        job.thresholds.positions,
        job.thresholds.lengths,
        int(offsets[0]),
        close,
        above,
        tied_before,
        tied_after,
        TIE_TOLERANCE,
        products,
    )
    return tied_before, tied_after


def _blocks(count: int, share_bytes: int, thresholds: Thresholds | None) -> list[slice]:
    """Consecutive blocks whose square tile and local counts fit a worker's share of the budget."""
    side = int(np.clip(np.sqrt(share_bytes / 2 / _CELL_BYTES), 16, _SIDE))
    most = max(1, int(share_bytes / 2 / _THRESHOLD_BYTES))
    blocks = []
    start = 0
    while start < count:
        stop = min(count, start + side)
        if thresholds is not None:
            limit = int(thresholds.offsets[start]) + most
            stop = min(stop, int(np.searchsorted(thresholds.offsets, limit, side="right")) - 1)
            stop = max(stop, start + 1)
        blocks.append(slice(start, stop))
        start = stop
    return blocks


def _tiles(
    rows: list[slice], columns: list[slice], symmetric: bool
) -> Iterator[tuple[slice, slice]]:
    for index, at in enumerate(rows):
        for over in columns[index:] if symmetric else columns:
            yield at, over
