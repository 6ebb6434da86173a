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

from oodml.core.threads import available_threads, one_blas_thread
from oodml.evaluation.inputs.pairing import Pairing
from oodml.evaluation.inputs.prepare import PreparedRows
from oodml.evaluation.ranks.close_calls import TIE_TOLERANCE, Tally, clear_margin
from oodml.evaluation.ranks.engines import kernels
from oodml.evaluation.ranks.thresholds import Thresholds

_SIDE = 640
# Up to this many positives a query, comparing everything with each threshold is quickest.
_FEW = 16
# Up to this many, and this share of values that reach the lowest, narrowing beats sorting.
_NARROW = 128
_NARROW_SHARE = 0.35
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
    """The same counts as `oodml.evaluation.ranks.engines.torch_counting.count_negatives_above`, faster."""
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


class _Space:
    """A worker's room, used again for every tile; contents undefined but for the counts, all 0."""

    def __init__(self) -> None:
        self._tiles = np.empty((3, 0), np.float32)
        self._counts = np.zeros((3, 0), np.int32)
        self._close = np.empty((2, 0), np.int64)

    def tiles(self, rows: int, columns: int) -> tuple[NDArray[np.float32], ...]:
        """A tile [rows, columns], one [columns, rows], and room for either, flat."""
        size = rows * columns
        if self._tiles.shape[1] < size:
            self._tiles = np.empty((3, size), np.float32)
        one, two, three = self._tiles[:, :size]
        return one.reshape(rows, columns), two.reshape(columns, rows), three

    def counts(self, size: int) -> NDArray[np.int32]:
        """Three rows of zeros: above, tied before, tied after."""
        if self._counts.shape[1] < size:
            self._counts = np.zeros((3, size), np.int32)
        return self._counts[:, :size]

    def close(self, size: int) -> NDArray[np.int64]:
        """Two rows for the list of close thresholds; see `oodml.evaluation.ranks.engines.kernels`."""
        if self._close.shape[1] < size:
            self._close = np.empty((2, size), np.int64)
        return self._close[:, :size]


class _Part:
    """The queries of one tile, the items they meet there, and room for what is counted.

    Attributes:
        most: thresholds of the query that has most.
    """

    def __init__(self, job: _Job, space: _Space, at: slice, items: slice) -> None:
        self.at, self.items = at, items
        offsets = job.thresholds.offsets[at.start : at.stop + 1]
        self.most = int(np.diff(offsets).max())
        size = int(offsets[-1] - offsets[0])
        above, self.tied_before, self.tied_after = space.counts(size)
        self.bounds = kernels.Bounds(
            offsets, job.low, job.high, int(offsets[0]), above, *space.close(size)
        )


def _work(job: _Job, tiles: _Shared) -> None:
    space = _Space()
    pairing, half = job.pairing, job.half
    while (tile := tiles.draw()) is not None:
        rows, columns = tile
        block, turned, spare = space.tiles(rows.stop - rows.start, columns.stop - columns.start)
        np.matmul(job.queries.rows[rows], job.gallery.rows[columns].T, out=block)
        kernels.mask_own(
            block, columns.start, pairing.first[rows], pairing.last[rows], pairing.self_column[rows]
        )
        if job.symmetric and rows != columns:
            seen = block
            if half is not None:
                seen = np.subtract(block, half[rows, None], out=spare.reshape(block.shape))
            part = _Part(job, space, at=columns, items=rows)
            if part.most <= _FEW:
                _count_columns(job, part, seen)
            else:
                kernels.transpose(seen, turned)
                _count_rows(job, part, turned, spare)
        if half is not None:
            block -= half[columns]
        _count_rows(job, _Part(job, space, at=rows, items=columns), block, spare)


def _count_columns(job: _Job, part: _Part, block: NDArray[np.float32]) -> None:
    """Count a tile whose columns are the queries."""
    listed, found = kernels.count_columns_by_comparing(block, part.bounds)
    which, slots = np.unique(part.bounds.close_rows[:listed], return_inverse=True)
    _settle(job, part, listed, found, np.ascontiguousarray(block[:, which].T), slots, which)


def _count_rows(
    job: _Job, part: _Part, block: NDArray[np.float32], spare: NDArray[np.float32]
) -> None:
    """Count a tile whose rows are the queries, in the way that is quickest for its values."""
    spare = spare.reshape(block.shape)
    if part.most <= _FEW:
        listed, found = kernels.count_by_comparing(block, part.bounds)
    elif (sizes := _keep_few(job, part, block, spare)) is not None:
        listed, found = kernels.count_by_narrowing(spare, sizes, part.bounds)
    else:
        np.copyto(spare, block)
        spare.sort(axis=1)
        listed, found = kernels.count_by_merging(spare, part.bounds)
    slots = part.bounds.close_rows[:listed]
    _settle(job, part, listed, found, block, slots, np.arange(len(block)))


def _keep_few(
    job: _Job, part: _Part, block: NDArray[np.float32], spare: NDArray[np.float32]
) -> NDArray[np.int64] | None:
    """Leave in ``spare`` what reaches its row's lowest threshold: how many by row, if that pays."""
    if part.most > _NARROW:
        return None
    sizes = np.empty(len(block), np.int64)
    total = kernels.keep_reaching(block, part.bounds.offsets, job.low, spare, sizes)
    return sizes if total <= _NARROW_SHARE * block.size else None


def _settle(
    job: _Job,
    part: _Part,
    listed: int,
    found: int,
    block: NDArray[np.float32],
    slots: NDArray[np.int64],
    which: NDArray[np.int64],
) -> None:
    """Decide the close values, then move the part's counts to the job's tally.

    Args:
        listed, found: how many thresholds have close values, and how many values that are.
        block: similarities of the part's queries ``which``; those of the i-th listed threshold
            stand in row ``slots[i]``.
    """
    at, items = part.at, part.items
    ties = 0
    if listed:
        products = np.empty((0, 0))
        if found > _DENSE_SHARE * block.size:
            # Collapsed embeddings make most pairs close; one product then beats one by one.
            left = job.queries.rows[at][which].astype(np.float64)
            products = left @ job.gallery.rows[items].T.astype(np.float64)
        ties = kernels.resolve_close(
            part.bounds,
            listed,
            slots,
            block,
            job.queries.rows[at],
            job.gallery.rows[items],
            job.queries.lengths[at],
            job.gallery.lengths[items],
            job.gallery.half_squares[items],
            job.pairing.gallery_rows[items],
            job.thresholds.values,
            job.thresholds.positions,
            job.thresholds.lengths,
            part.tied_before,
            part.tied_after,
            TIE_TOLERANCE,
            products,
        )
    moves = [(part.bounds.above, job.tally.above)]
    if ties:
        moves += [
            (part.tied_before, job.tally.tied_before),
            (part.tied_after, job.tally.tied_after),
        ]
    with job.lock:
        for counted, total in moves:
            total[part.bounds.base :][: len(counted)] += counted
    for counted, _ in moves:
        counted[:] = 0


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
