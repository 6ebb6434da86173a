"""First centres for k-means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oodml.core.threads import available_threads, one_blas_thread, run_in_threads

_ROUNDS = 100
_PIECE_CELLS = 1 << 18  # similarities of one piece: what stays in a core's cache
_PIECE_ROWS = 256
_CANDIDATES = 1000


def spread_seeds(
    points: NDArray[np.float32], count: int, random: np.random.Generator, budget: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """k-means++ (Arthur and Vassilvitskii 2007) in at most 100 rounds.

    Each round draws the next points with probability proportional to the squared distance to the
    nearest seed so far. Up to 100 centres that is k-means++ itself; with more, a round draws
    several at once, for one product a round instead of one a centre. Up to 500 centres a round
    draws more candidates than it keeps (greedy k-means++: those that shorten the distances most).

    Returns:
        Rows of the seeds int64 [count], the nearest seed of every point int64 [N], and its
        similarity x . c - |c|^2 / 2 float32 [N].
    """
    lengths = np.einsum("ij,ij->i", points, points)
    seeds = np.empty(0, np.int64)
    assignment = np.zeros(len(points), np.int64)
    similarity = np.full(len(points), -np.inf, np.float32)
    distance = np.ones(len(points))
    batch = -(-count // _ROUNDS)
    trials = max(1, min(_CANDIDATES // count, 2 + int(np.log(count))))
    while len(seeds) < count:
        # One point alone first: before that no distance is known.
        size = 1 if not len(seeds) else min(batch, count - len(seeds))
        drawn = _draw(distance, min(size * trials, len(points) - len(seeds)), random)
        if len(drawn) > size:
            drawn = _best_candidates(points, drawn, size, distance, lengths, budget)
        _absorb(points, drawn, len(seeds), assignment, similarity, budget)
        seeds = np.concatenate([seeds, drawn])
        distance = np.maximum(0.0, lengths.astype(np.float64) - 2.0 * similarity)
        distance[seeds] = 0.0
    return seeds, assignment, similarity


def half_squares(centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """|c|^2 / 2 of every centre: float32 [k]."""
    return 0.5 * np.einsum("ij,ij->i", centres, centres)


def nearest(
    points: NDArray[np.float32], centres: NDArray[np.float32], halves: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The nearest centre of every point and its similarity x . c - |c|^2 / 2."""
    block = points @ centres.T
    block -= halves
    found = block.argmax(axis=1)
    return found, block[np.arange(len(points)), found]


def in_pieces(function: Callable[[slice], None], rows: int, columns: int, budget: int) -> None:
    """Call ``function`` for slices of ``range(rows)``, several at a time.

    A piece takes about 8 bytes for each of its rows and columns. Unless the budget is too small for
    so many threads, their number does not change the pieces, and so not the rounding of products,
    which take one thread each.
    """
    most = max(1, budget // (8 * columns * available_threads()))
    step = min(most, max(_PIECE_ROWS, _PIECE_CELLS // columns))
    slices = [slice(start, min(rows, start + step)) for start in range(0, rows, step)]
    with one_blas_thread():
        run_in_threads(function, slices)


def _draw(
    distance: NDArray[np.float64], size: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """``size`` different rows, with chance proportional to ``distance``."""
    # The largest of log(u) / w are a weighted sample without replacement (Efraimidis and Spirakis
    # 2006). Rows at distance 0 (copies of a seed) come last, in random order.
    uniform = 1.0 - random.random(len(distance))
    with np.errstate(divide="ignore"):
        keys = np.log(uniform) / distance
    keys[distance == 0] = -np.inf
    zeros = int((distance > 0).sum())
    if size > zeros:
        order = np.lexsort((uniform, keys))[::-1]
        return order[:size].astype(np.int64)
    top = np.argpartition(-keys, size - 1)[:size]
    return np.sort(top).astype(np.int64)


def _best_candidates(
    points: NDArray[np.float32],
    drawn: NDArray[np.int64],
    size: int,
    distance: NDArray[np.float64],
    lengths: NDArray[np.float32],
    budget: int,
) -> NDArray[np.int64]:
    """The ``size`` candidates that, each by itself, leave the smallest sum of distances."""
    left = np.zeros(len(drawn))
    step = max(1, budget // (32 * len(drawn) + 8 * points.shape[1]))
    for start in range(0, len(points), step):
        at = slice(start, start + step)
        gap = lengths[at, None] + lengths[drawn] - 2.0 * (points[at] @ points[drawn].T)
        left += np.minimum(distance[at, None], np.maximum(gap, 0.0)).sum(axis=0)
    return drawn[np.sort(np.argsort(left, kind="stable")[:size])]


def _absorb(
    points: NDArray[np.float32],
    drawn: NDArray[np.int64],
    first: int,
    assignment: NDArray[np.int64],
    similarity: NDArray[np.float32],
    budget: int,
) -> None:
    centres = points[drawn]
    halves = half_squares(centres)

    def take(at: slice) -> None:
        found, value = nearest(points[at], centres, halves)
        better = value > similarity[at]
        assignment[at][better] = first + found[better]
        similarity[at][better] = value[better]

    in_pieces(take, len(points), len(drawn), budget)
