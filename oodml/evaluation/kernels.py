"""Compiled inner loops of the counting on the CPU (numba; compiled once, then cached on disk).

All arrays are C-contiguous. A *tile* holds float32 similarities of a block of queries (rows) to a
block of gallery items (columns). Thresholds are flat, ascending within a query; ``base`` is the
flat index of the block's first one, where the local counts start.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numba
import numpy as np

_ONE = np.float32(1)
_ZERO = np.float32(0)
_PIECE = 64
_GROUP = 16
# "reassoc" lets float sums of 0 and 1 run in vector lanes; they stay exact below 2**24.
_SUMS = {"reassoc", "nsz"}


def _compiled(function: Any = None, *, fastmath: Any = False) -> Any:
    """Compile on first use; cached on disk, except where no folder can be written."""
    if function is None:
        return partial(_compiled, fastmath=fastmath)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)


@_compiled
def transpose(tile: Any, out: Any) -> None:
    """out = tile.T, in squares that fit the cache."""
    side = 16
    rows, columns = tile.shape
    for i in range(0, rows, side):
        for j in range(0, columns, side):
            for a in range(i, min(i + side, rows)):
                for b in range(j, min(j + side, columns)):
                    out[b, a] = tile[a, b]


@_compiled
def mask_own(tile: Any, column: int, first: Any, last: Any, own: Any) -> None:
    """-inf for the positives and the query itself; the tile's first column is ``column``."""
    rows, columns = tile.shape
    for r in range(rows):
        for c in range(max(0, first[r] - column), min(columns, last[r] - column)):
            tile[r, c] = -np.inf
        c = own[r] - column
        if 0 <= c < columns:
            tile[r, c] = -np.inf


@_compiled(fastmath=_SUMS)
def _count_row(values: Any, low: float, high: float) -> tuple[int, int]:
    """How many values are >= low, and how many > high."""
    reach = _ZERO
    above = _ZERO
    for c in range(values.shape[0]):
        reach += _ONE if values[c] >= low else _ZERO
        above += _ONE if values[c] > high else _ZERO
    return int(reach), int(above)


@_compiled
def count_by_comparing(
    tile: Any, offsets: Any, low: Any, high: Any, base: int, above: Any, close: Any
) -> int:
    """For few thresholds a query: compare every value with each of them.

    Adds to ``above`` the values certainly beyond each threshold, marks in ``close`` thresholds that
    have a value too near to tell, and returns the number of such values.
    """
    found = 0
    for r in range(tile.shape[0]):
        for j in range(offsets[r], offsets[r + 1]):
            reach, beyond = _count_row(tile[r], low[j], high[j])
            if reach == 0:
                break
            above[j - base] += beyond
            if reach != beyond:
                close[j - base] = True
                found += reach - beyond
    return found


@_compiled
def count_columns_by_comparing(
    tile: Any, offsets: Any, low: Any, high: Any, base: int, above: Any, close: Any
) -> int:
    """`count_by_comparing` for the transposed tile, gathering only columns that reach anything."""
    rows, columns = tile.shape
    least = np.empty(columns, np.float32)
    for c in range(columns):
        least[c] = low[offsets[c]] if offsets[c] < offsets[c + 1] else np.inf
    reached = np.zeros(columns, np.int32)
    for r in range(rows):
        for c in range(columns):
            reached[c] |= np.int32(tile[r, c] >= least[c])
    values = np.empty((_GROUP, rows), np.float32)
    found = 0
    for start in range(0, columns, _GROUP):
        stop = min(columns, start + _GROUP)
        if not np.any(reached[start:stop]):
            continue
        for r in range(rows):  # a cache line at a time
            for c in range(start, stop):
                values[c - start, r] = tile[r, c]
        for c in range(start, stop):
            if reached[c] == 0:
                continue
            for j in range(offsets[c], offsets[c + 1]):
                reach, beyond = _count_row(values[c - start], low[j], high[j])
                if reach == 0:
                    break
                above[j - base] += beyond
                if reach != beyond:
                    close[j - base] = True
                    found += reach - beyond
    return found


@_compiled
def count_by_searching(
    ordered: Any, offsets: Any, low: Any, high: Any, base: int, above: Any, close: Any
) -> int:
    """`count_by_comparing` for many thresholds a query, on a tile whose rows are sorted."""
    found = 0
    columns = ordered.shape[1]
    for r in range(ordered.shape[0]):
        place = 0
        for j in range(offsets[r], offsets[r + 1]):
            # First value >= low[j]; thresholds ascend, so it is not before the last one.
            width = columns - place
            while width > 0:
                half = width >> 1
                step = ordered[r, place + half] < low[j]
                place += (half + 1) * step
                width = (width - half - 1) * step + half * (1 - step)
            if place == columns:
                break
            beyond = place
            while beyond < columns and ordered[r, beyond] <= high[j]:
                beyond += 1
            above[j - base] += columns - beyond
            if beyond != place:
                close[j - base] = True
                found += beyond - place
    return found


@_compiled(fastmath=_SUMS)
def _dot(x: Any, y: Any) -> float:
    total = 0.0
    for d in range(x.shape[0]):
        total += np.float64(x[d]) * np.float64(y[d])
    return total


@_compiled
def thresholds_of(
    start: int,
    stop: int,
    largest: int,
    queries: Any,
    gallery: Any,
    gallery_lengths: Any,
    half_squares: Any,
    positions: Any,
    first: Any,
    last: Any,
    own: Any,
    offsets: Any,
    values: Any,
    value_positions: Any,
    value_lengths: Any,
) -> None:
    """Fill the thresholds of queries start..stop whose class has at most ``largest`` items."""
    for q in range(start, stop):
        if last[q] - first[q] > largest:
            continue
        begin = offsets[q]
        end = begin
        for g in range(first[q], last[q]):
            if g == own[q]:
                continue
            value = _dot(queries[q], gallery[g]) - half_squares[g]
            j = end
            while j > begin and values[j - 1] > value:
                values[j] = values[j - 1]
                value_positions[j] = value_positions[j - 1]
                value_lengths[j] = value_lengths[j - 1]
                j -= 1
            values[j] = value
            value_positions[j] = positions[g]
            value_lengths[j] = gallery_lengths[g]
            end += 1


@_compiled(fastmath=_SUMS)
def _holds_any(values: Any, start: int, stop: int, low: float, high: float) -> bool:
    hits = _ZERO
    for g in range(start, stop):
        hits += _ONE if (values[g] >= low) & (values[g] <= high) else _ZERO
    return bool(hits > 0)


@_compiled
def resolve_close(
    which: Any,
    tile_rows: Any,
    tile: Any,
    queries: Any,
    gallery: Any,
    query_lengths: Any,
    gallery_lengths: Any,
    half_squares: Any,
    positions: Any,
    offsets: Any,
    low: Any,
    high: Any,
    values: Any,
    value_positions: Any,
    value_lengths: Any,
    base: int,
    close: Any,
    above: Any,
    tied_before: Any,
    tied_after: Any,
    tolerance: float,
    products: Any,
) -> None:
    """Decide in float64 the values of the tile that lie within [low, high] of a threshold.

    ``which`` lists the queries of the block that have a close value, ``tile_rows`` the rows of
    ``tile`` that hold their similarities. ``queries`` and ``gallery`` are the float32 rows of the
    block, as are the other arrays of queries and items. ``products`` holds the float64 products of
    ``which`` and all items, or has no rows if they are to be computed here, one by one.
    """
    items = gallery.shape[0]
    euclidean = False
    for g in range(items):
        euclidean |= half_squares[g] != 0
    ready = products.shape[0] > 0
    exact = np.empty(items)
    for index in range(which.shape[0]):
        q = which[index]
        row = tile[tile_rows[index]]
        fresh = True
        for j in range(offsets[q], offsets[q + 1]):
            if not close[j - base]:
                continue
            if fresh:
                exact[:] = np.nan
                fresh = False
            for start in range(0, items, _PIECE):
                stop = min(items, start + _PIECE)
                if not _holds_any(row, start, stop, low[j], high[j]):
                    continue
                for g in range(start, stop):
                    if not low[j] <= row[g] <= high[j]:
                        continue
                    if np.isnan(exact[g]):
                        dot = products[index, g] if ready else _dot(queries[q], gallery[g])
                        exact[g] = dot - half_squares[g]
                    longer = max(gallery_lengths[g], value_lengths[j])
                    bound = query_lengths[q] * longer
                    if euclidean:
                        bound += 0.5 * longer * longer
                    difference = exact[g] - values[j]
                    if difference > tolerance * bound:
                        above[j - base] += 1
                    elif difference >= -tolerance * bound:
                        if positions[g] < value_positions[j]:
                            tied_before[j - base] += 1
                        else:
                            tied_after[j - base] += 1
