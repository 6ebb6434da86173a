"""Blocked counting: how many negatives are more similar to a query than each of its positives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from oodml.evaluation.inputs.pairing import Pairing, class_runs
from oodml.evaluation.inputs.prepare import PreparedRows
from oodml.evaluation.ranks.close_calls import Tally, clear_margin, second_look
from oodml.evaluation.ranks.thresholds import Thresholds

# Bytes a cell of a tile costs: similarity, bin, gathered bound, mask, and the scatter's index.
_CELL_BYTES = 40
_TILE_COLUMNS = 8192
_DENSE_SHARE = 0.05
# Up to this share of values that reach the lowest threshold, only these are looked at.
_SPARSE_SHARE = 0.05


@dataclass(frozen=True)
class _Bounds:
    """Float32 bounds around the thresholds of a block of queries, padded with +inf.

    A similarity above ``high[i, j]`` certainly exceeds threshold j, one below ``low[i, j]``
    certainly does not. [B, W + 1], ascending along rows; column W is padding for every row.
    """

    low: torch.Tensor
    high: torch.Tensor


def count_negatives_above(
    queries: PreparedRows,
    gallery: PreparedRows,
    pairing: Pairing,
    thresholds: Thresholds,
    *,
    budget_bytes: int,
    device: torch.device,
) -> Tally:
    """Compare every query with every negative, tile by tile, never holding more than one tile.

    Positives and the query itself are masked out of the tiles. Similarities are float32 products
    on ``device``; those too close to a threshold are decided in float64 by `second_look`.
    """
    tally = Tally.zeros(len(thresholds.values))
    euclidean = bool(gallery.half_squares.any())
    columns = len(gallery.rows)
    margin = clear_margin(
        queries.rows.shape[1],
        float(queries.lengths.max(initial=0.0)),
        float(gallery.lengths.max(initial=0.0)),
        euclidean,
    )
    gallery_tensor = torch.from_numpy(gallery.rows).to(device)
    offset = torch.from_numpy(-gallery.half_squares.astype(np.float32)).to(device)
    with _full_float32():
        for rows in _row_blocks(thresholds, min(columns, _TILE_COLUMNS), budget_bytes):
            bounds = _block_bounds(thresholds, rows, margin, device)
            block = torch.from_numpy(queries.rows[rows]).to(device)
            bins = torch.zeros(bounds.high.shape, dtype=torch.int64, device=device)
            for over in _column_tiles(columns, rows, budget_bytes):
                tile = torch.addmm(offset[over], block, gallery_tensor[over].T)
                _mask_own_class(tile, pairing, rows, over)
                close_rows, close_columns = _count_tile(tile, bounds, bins)
                if not len(close_rows):
                    continue
                exact = _in_float64(
                    block, gallery_tensor[over], close_rows, close_columns, budget_bytes // 4
                )
                item = close_columns.cpu().numpy() + over.start
                second_look(
                    tally,
                    thresholds,
                    queries,
                    gallery,
                    pairing.gallery_rows,
                    close_rows.cpu().numpy() + rows.start,
                    item,
                    exact - gallery.half_squares[item],
                    budget_bytes // 4,
                )
            _add_bins(tally, thresholds, rows, bins)
    return tally


def _count_tile(
    tile: torch.Tensor, bounds: _Bounds, bins: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Add the tile to the histogram ``bins`` and return its close pairs (row, column), row-major.

    Bin j > 0 of a row counts the similarities that certainly exceed exactly the first j thresholds.
    """
    reaching = tile >= bounds.low[:, :1]
    if int(reaching.count_nonzero()) > _SPARSE_SHARE * tile.numel():
        return _count_whole_tile(tile, bounds, bins)
    rows, columns = torch.nonzero(reaching, as_tuple=True)
    values = tile[rows, columns]
    passed = _passed(bounds.high, rows, values)
    close = bounds.low[rows, passed] <= values
    place = rows * bins.shape[1] + passed.masked_fill(close, 0)
    bins.view(-1).scatter_add_(0, place, torch.ones_like(place))
    return rows[close], columns[close]


def _count_whole_tile(
    tile: torch.Tensor, bounds: _Bounds, bins: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    passed = torch.searchsorted(bounds.high, tile, out_int32=True).long()
    close = bounds.low.gather(1, passed) <= tile
    bins.scatter_add_(1, passed.masked_fill_(close, 0), torch.ones_like(passed))
    rows, columns = torch.nonzero(close, as_tuple=True)
    return rows, columns


def _passed(high: torch.Tensor, rows: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """How many entries of ``high[rows[i]]`` are below ``values[i]``: a binary search."""
    begin = torch.zeros_like(rows)
    end = torch.full_like(rows, high.shape[1] - 1)  # the last column is +inf
    for _ in range(int(high.shape[1]).bit_length()):
        middle = (begin + end) // 2
        below = high[rows, middle] < values
        begin = torch.where(below, torch.minimum(middle + 1, end), begin)
        end = torch.where(below, end, middle)
    return begin


def _in_float64(
    queries: torch.Tensor,
    items: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    budget_bytes: int,
) -> NDArray[np.float64]:
    """Products of the pairs (queries[rows[i]], items[columns[i]]) in float64, on their device."""
    if queries.device.type == "mps":  # has no float64
        return _in_float64(queries.cpu(), items.cpu(), rows.cpu(), columns.cpu(), budget_bytes)
    if len(rows) > _DENSE_SHARE * len(queries) * len(items):
        # Collapsed embeddings make most pairs close; one product then beats gathering rows.
        return (queries.double() @ items.double().T)[rows, columns].cpu().numpy()
    result = torch.empty(len(rows), dtype=torch.float64, device=queries.device)
    step = max(1, budget_bytes // (40 * queries.shape[1]))
    for start in range(0, len(rows), step):
        at = slice(start, start + step)
        left, right = queries[rows[at]].double(), items[columns[at]].double()
        result[at] = torch.linalg.vecdot(left, right)
    return result.cpu().numpy()


def _block_bounds(
    thresholds: Thresholds, rows: slice, margin: float, device: torch.device
) -> _Bounds:
    offsets = thresholds.offsets[rows.start : rows.stop + 1]
    counts = np.diff(offsets)
    width = int(counts.max(initial=0)) + 1
    filled = np.arange(width) < counts[:, None]
    low = np.full(filled.shape, np.inf, np.float32)
    high = np.full(filled.shape, np.inf, np.float32)
    values = thresholds.values[offsets[0] : offsets[-1]]
    low[filled] = values - margin
    high[filled] = values + margin
    return _Bounds(torch.from_numpy(low).to(device), torch.from_numpy(high).to(device))


def _mask_own_class(tile: torch.Tensor, pairing: Pairing, rows: slice, over: slice) -> None:
    """Set the cells of positives and of the query itself to -inf, below every threshold."""
    # Queries stand in class order, so those whose class meets the tile follow each other.
    begin = int(np.searchsorted(pairing.last[rows], over.start, side="right"))
    end = int(np.searchsorted(pairing.first[rows], over.stop, side="left"))
    first, last = pairing.first[rows][begin:end], pairing.last[rows][begin:end]
    for start, stop in class_runs(pairing.query_class[rows][begin:end]):
        left, right = max(int(first[start]), over.start), min(int(last[start]), over.stop)
        if left < right:
            members = slice(begin + start, begin + stop)
            tile[members, left - over.start : right - over.start] = -torch.inf
    own = pairing.self_column[rows]
    here = np.flatnonzero((own >= over.start) & (own < over.stop))
    tile[torch.from_numpy(here), torch.from_numpy(own[here] - over.start)] = -torch.inf


def _add_bins(tally: Tally, thresholds: Thresholds, rows: slice, bins: torch.Tensor) -> None:
    # Threshold j is exceeded by everything in the bins after j.
    beyond = bins.flip(1).cumsum(1).flip(1)[:, 1:].cpu().numpy()
    offsets = thresholds.offsets[rows.start : rows.stop + 1]
    filled = np.arange(beyond.shape[1]) < np.diff(offsets)[:, None]
    tally.above[offsets[0] : offsets[-1]] += beyond[filled]


def _row_blocks(thresholds: Thresholds, tile_columns: int, budget_bytes: int) -> Iterator[slice]:
    """Blocks of queries whose narrowest tile and padded bounds fit the budget."""
    counts = np.diff(thresholds.offsets)
    start = 0
    while start < len(counts):
        stop, widest = start, 0
        while stop < len(counts):
            widest = max(widest, int(counts[stop]) + 1)
            if (
                stop > start
                and (stop + 1 - start) * (_CELL_BYTES * min(tile_columns, 1024) + 48 * widest)
                > budget_bytes / 2
            ):
                break
            stop += 1
        yield slice(start, stop)
        start = stop


def _column_tiles(columns: int, rows: slice, budget_bytes: int) -> Iterator[slice]:
    width = max(1, int(budget_bytes / 2 / (_CELL_BYTES * (rows.stop - rows.start))))
    width = min(width, _TILE_COLUMNS)
    for start in range(0, columns, width):
        yield slice(start, min(columns, start + width))


@contextmanager
def _full_float32() -> Iterator[None]:
    """TF32 and bfloat16 shortcuts, which a training script may have allowed, are off inside."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
