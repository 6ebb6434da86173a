"""Compiled inner loops of the counting on the CPU (numba; compiled once, then cached on disk).

All arrays are C-contiguous. A *tile* holds float32 similarities of a block of queries (rows) to a
block of gallery items (columns). The counting loops take a tile and its `Bounds`, add to ``above``
the values certainly beyond each threshold, and list the thresholds that have a value too near to
tell. They return how many they listed, and how many such values there are.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np

_ONE = np.float32(1)
_ZERO = np.float32(0)
_GROUP = 16
_STEPS = 8
# "reassoc" lets float sums of 0 and 1 run in vector lanes; they stay exact below 2**24.
_SUMS = {"reassoc", "nsz"}


class Bounds(NamedTuple):
    """The thresholds of a tile's queries, and room for what is counted.

    Attributes:
        offsets: int64 [rows + 1], flat index of each query's first threshold.
        low, high: float32, by flat index and ascending within a query: a value below ``low`` is
            certainly below the threshold, one above ``high`` certainly above.
        base: flat index of the tile's first threshold, where ``above`` starts.
        above: int32, one a threshold of the tile.
        close_rows, close_at: int64, room for one a threshold: query and flat index of those listed.
    """

    offsets: Any
    low: Any
    high: Any
    base: int
    above: Any
    close_rows: Any
    close_at: Any


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
def _compare(
    values: Any, row: int, first: int, last: int, bounds: Any, listed: int
) -> tuple[int, int]:
    """Compare every value of a row with its thresholds first..last.

    Returns how many are listed now, and how many close values these ones have.
    """
    _, low, high, base, above, close_rows, close_at = bounds
    found = 0
    for j in range(first, last):
        reach, beyond = _count_row(values, low[j], high[j])
        if reach == 0:
            break
        above[j - base] += beyond
        if reach != beyond:
            close_rows[listed], close_at[listed] = row, j
            listed += 1
            found += reach - beyond
    return listed, found


@_compiled
def count_by_comparing(tile: Any, bounds: Any) -> tuple[int, int]:
    """For few thresholds a query: compare every value with each of them."""
    listed = 0
    found = 0
    for r in range(tile.shape[0]):
        first, last = bounds.offsets[r], bounds.offsets[r + 1]
        listed, more = _compare(tile[r], r, first, last, bounds, listed)
        found += more
    return listed, found


@_compiled
def count_columns_by_comparing(tile: Any, bounds: Any) -> tuple[int, int]:
    """`count_by_comparing` for the transposed tile, gathering only columns that reach anything."""
    rows, columns = tile.shape
    offsets, low = bounds.offsets, bounds.low
    least = np.empty(columns, np.float32)
    for c in range(columns):
        least[c] = low[offsets[c]] if offsets[c] < offsets[c + 1] else np.inf
    reached = np.zeros(columns, np.int32)
    for r in range(rows):
        for c in range(columns):
            reached[c] |= np.int32(tile[r, c] >= least[c])
    values = np.empty((_GROUP, rows), np.float32)
    listed = 0
    found = 0
    for start in range(0, columns, _GROUP):
        stop = min(columns, start + _GROUP)
        if not np.any(reached[start:stop]):
            continue
        for r in range(rows):  # a cache line at a time
            for c in range(start, stop):
                values[c - start, r] = tile[r, c]
        for c in range(start, stop):
            if reached[c] != 0:
                first, last = offsets[c], offsets[c + 1]
                listed, more = _compare(values[c - start], c, first, last, bounds, listed)
                found += more
    return listed, found


@_compiled
def keep_reaching(tile: Any, offsets: Any, low: Any, kept: Any, sizes: Any) -> int:
    """For each row, write the values that reach its lowest threshold to the front of ``kept``.

    ``sizes`` becomes their number by row; their number in all is returned.
    """
    total = 0
    for r in range(tile.shape[0]):
        sizes[r] = 0
        if offsets[r] < offsets[r + 1]:
            sizes[r] = _keep(tile[r], tile.shape[1], low[offsets[r]], kept[r])
        total += sizes[r]
    return total


@_compiled
def _keep(values: Any, count: int, low: float, out: Any) -> int:
    """Of the first ``count`` values, those >= low, in order; ``out`` may be ``values``."""
    kept = 0
    for c in range(count):
        value = values[c]
        out[kept] = value  # always written: a branch would be mispredicted
        kept += value >= low
    return kept


@_compiled
def count_by_narrowing(kept: Any, sizes: Any, bounds: Any) -> tuple[int, int]:
    """`count_by_comparing` on what `keep_reaching` left, forgetting values on the way up."""
    listed = 0
    found = 0
    for r in range(kept.shape[0]):
        size = sizes[r]
        begin, last = bounds.offsets[r], bounds.offsets[r + 1]
        for first in range(begin, last, _STEPS):
            if first > begin:
                size = _keep(kept[r], size, bounds.low[first], kept[r])
            if size == 0:
                break
            until = min(last, first + _STEPS)
            listed, more = _compare(kept[r, :size], r, first, until, bounds, listed)
            found += more
    return listed, found


@_compiled
def count_by_merging(ordered: Any, bounds: Any) -> tuple[int, int]:
    """`count_by_comparing` for many thresholds a query, on a tile whose rows are sorted."""
    offsets, low, high, base, above, close_rows, close_at = bounds
    listed = 0
    found = 0
    columns = ordered.shape[1]
    for r in range(ordered.shape[0]):
        if offsets[r] == offsets[r + 1]:
            continue
        place = np.searchsorted(ordered[r], low[offsets[r]])
        for j in range(offsets[r], offsets[r + 1]):
            while place < columns and ordered[r, place] < low[j]:
                place += 1
            if place == columns:
                break
            beyond = place
            while beyond < columns and ordered[r, beyond] <= high[j]:
                beyond += 1
            above[j - base] += columns - beyond
            if beyond != place:
                close_rows[listed], close_at[listed] = r, j
                listed += 1
                found += beyond - place
    return listed, found


@_compiled(fastmath=_SUMS)
def _dot(x: Any, y: Any) -> float:
    total = 0.0
    for d in range(x.shape[0]):
        total += np.float64(x[d]) * np.float64(y[d])
    return total


@_compiled(fastmath=_SUMS | {"contract"})
def _dots(x: Any, y: Any, rows: Any, count: int, out: Any) -> None:
    """out[0, g] = x . rows[g] and out[1, g] = y . rows[g] for g < count.

    Two times four at once, because reading the rows takes longer than multiplying them.
    """
    size = x.shape[0]
    for g in range(0, count - count % 4, 4):
        p, q, r, s = rows[g], rows[g + 1], rows[g + 2], rows[g + 3]
        xp = xq = xr = xs = yp = yq = yr = ys = 0.0
        for i in range(size):
            xp += x[i] * p[i]
            xq += x[i] * q[i]
            xr += x[i] * r[i]
            xs += x[i] * s[i]
            yp += y[i] * p[i]
            yq += y[i] * q[i]
            yr += y[i] * r[i]
            ys += y[i] * s[i]
        out[0, g], out[0, g + 1], out[0, g + 2], out[0, g + 3] = xp, xq, xr, xs
        out[1, g], out[1, g + 1], out[1, g + 2], out[1, g + 3] = yp, yq, yr, ys
    for g in range(count - count % 4, count):
        p = rows[g]
        xp = yp = 0.0
        for i in range(size):
            xp += x[i] * p[i]
            yp += y[i] * p[i]
        out[0, g], out[1, g] = xp, yp


@_compiled
def _convert(source: Any, out: Any) -> None:
    for i in range(source.shape[0]):
        out[i] = source[i]


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
    dim = queries.shape[1]
    pair = np.empty((2, dim))
    dots = np.empty((2, largest))
    members = np.empty((largest, dim))
    items = np.empty(largest, np.int64)
    loaded = -1  # where the class in ``members`` begins
    q = start
    while q < stop:
        size = last[q] - first[q]
        if size > largest or size == 0:
            q += 1
            continue
        if first[q] != loaded:  # queries of a class follow each other
            loaded = first[q]
            for g in range(size):
                _convert(gallery[first[q] + g], members[g])
        together = 2 if q + 1 < stop and first[q + 1] == first[q] else 1
        for i in range(together):
            _convert(queries[q + i], pair[i])
        _dots(pair[0], pair[together - 1], members, size, dots)
        for i in range(together):
            begin = offsets[q + i]
            count = 0
            for g in range(size):
                item = first[q] + g
                if item == own[q + i]:
                    continue
                value = dots[i, g] - half_squares[item]
                j = count
                while j > 0 and values[begin + j - 1] > value:
                    values[begin + j] = values[begin + j - 1]
                    items[j] = items[j - 1]
                    j -= 1
                values[begin + j] = value
                items[j] = item
                count += 1
            for j in range(count):
                value_positions[begin + j] = positions[items[j]]
                value_lengths[begin + j] = gallery_lengths[items[j]]
        q += together


@_compiled
def _within(values: Any, low: float, high: float) -> tuple[int, int]:
    """How many values lie in [low, high], and the sum of their places: one's place if it is one."""
    found = 0
    places = 0
    for g in range(values.shape[0]):
        if low <= values[g] <= high:
            found += 1
            places += g
    return found, places


@_compiled
def resolve_close(
    bounds: Any,
    listed: int,
    slots: Any,
    tile: Any,
    queries: Any,
    gallery: Any,
    query_lengths: Any,
    gallery_lengths: Any,
    half_squares: Any,
    positions: Any,
    values: Any,
    value_positions: Any,
    value_lengths: Any,
    tied_before: Any,
    tied_after: Any,
    tolerance: float,
    products: Any,
) -> int:
    """Decide in float64 the values of the tile that lie within [low, high] of a listed threshold.

    ``slots[i]`` is the row of ``tile`` with the similarities of the i-th listed query. ``queries``
    and ``gallery`` are the float32 rows of the block, as are the other arrays of queries and items.
    ``products`` holds the float64 products of the tile's rows and all items, or has no rows if they
    are to be computed here, one by one. Returns the number of ties.
    """
    ties = 0
    items = gallery.shape[0]
    euclidean = False
    for g in range(items):
        euclidean |= half_squares[g] != 0
    ready = products.shape[0] > 0
    _, low, high, base, above, close_rows, close_at = bounds
    for i in range(listed):
        q, j, slot = close_rows[i], close_at[i], slots[i]
        lowest, highest = low[j], high[j]
        row = tile[slot]
        found, place = _within(row, lowest, highest)
        for g in range(place if found == 1 else 0, items):
            if not lowest <= row[g] <= highest:
                continue
            found -= 1
            dot = products[slot, g] if ready else _dot(queries[q], gallery[g])
            longer = max(gallery_lengths[g], value_lengths[j])
            bound = query_lengths[q] * longer
            if euclidean:
                bound += 0.5 * longer * longer
            difference = dot - half_squares[g] - values[j]
            if difference > tolerance * bound:
                above[j - base] += 1
            elif difference >= -tolerance * bound:
                ties += 1
                if positions[g] < value_positions[j]:
                    tied_before[j - base] += 1
                else:
                    tied_after[j - base] += 1
            if found == 0:
                break
    return ties
