"""Exact k-means for many small clusters: Lloyd's algorithm that looks again only at what moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.short_repr import short_fields
from oodml.evaluation.clustering.seeding import half_squares, in_pieces, nearest, spread_seeds

# A point changes its centre only for a gain in similarity beyond the rounding of float32 products.
_GAIN = 1e-6


@dataclass(frozen=True, repr=False)
class Clustering:
    """A k-means solution.

    Attributes:
        assignment: int64 [N].
        centres: float32 [k, D]; a centre without points stays where it was.
        inertia: sum of squared distances to the own centre (float64).
        iterations: rounds of Lloyd's algorithm.
        converged: the last round changed nothing.
    """

    assignment: NDArray[np.int64]
    centres: NDArray[np.float32]
    inertia: float
    iterations: int
    converged: bool

    __repr__ = short_fields


def k_means(
    rows: Any,
    clusters: int,
    *,
    restarts: int = 1,
    max_iterations: int = 100,
    seed: int = 0,
    memory_mib: int = 256,
) -> Clustering:
    """Cluster ``rows`` [N, D] into ``clusters`` groups; the best of ``restarts`` by inertia.

    The same steps as Lloyd (1982), to the end and without approximation: a centre whose members
    did not change did not move, so only the centres that moved are compared with all points, and
    only the points whose own centre moved away are compared with all centres. Seeding: k-means++
    (`oodml.evaluation.clustering.seeding`). A cluster that loses all its points takes over the
    point farthest from its centre.

    Raises:
        UsageError: fewer than 1 or more than N clusters.
    """
    points = np.ascontiguousarray(rows, dtype=np.float32)
    if not 1 <= clusters <= len(points):
        raise UsageError(f"clusters={clusters}: expected 1 to {len(points)}, the number of rows")
    if restarts < 1 or max_iterations < 1:
        raise UsageError("restarts and max_iterations: expected at least 1")
    budget = memory_mib << 20
    best: Clustering | None = None
    for attempt in range(restarts):
        random = np.random.default_rng([seed, attempt])
        one = _lloyd(points, clusters, max_iterations, random, budget)
        if best is None or one.inertia < best.inertia:
            best = one
    assert best is not None
    return best


def _lloyd(
    points: NDArray[np.float32],
    clusters: int,
    max_iterations: int,
    random: np.random.Generator,
    budget: int,
) -> Clustering:
    seeds, assignment, similarity = spread_seeds(points, clusters, random, budget)
    centres = points[seeds].copy()
    changed = np.arange(clusters)
    for iteration in range(1, max_iterations + 1):
        _move_centres(points, assignment, centres, changed)
        before = assignment.copy()
        _reassign(points, centres, changed, assignment, similarity, budget)
        _fill_empty(points, centres, assignment, similarity)
        different = np.flatnonzero(before != assignment)
        if not len(different):
            inertia = _inertia(points, centres, assignment)
            return Clustering(assignment, centres, inertia, iteration, True)
        changed = np.union1d(before[different], assignment[different])
    _move_centres(points, assignment, centres, changed)
    inertia = _inertia(points, centres, assignment)
    return Clustering(assignment, centres, inertia, max_iterations, False)


def _move_centres(
    points: NDArray[np.float32],
    assignment: NDArray[np.int64],
    centres: NDArray[np.float32],
    changed: NDArray[np.int64],
) -> None:
    """Centres of the clusters whose members changed become their means (summed in float64)."""
    wanted = np.zeros(len(centres), bool)
    wanted[changed] = True
    members = np.flatnonzero(wanted[assignment])
    members = members[np.argsort(assignment[members], kind="stable")]
    owners, starts, counts = np.unique(assignment[members], return_index=True, return_counts=True)
    step = max(1, (32 << 20) // (8 * points.shape[1]))
    first = 0
    while first < len(owners):
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + step)))
        end = starts[last] if last < len(owners) else len(members)
        piece = points[members[starts[first] : end]].astype(np.float64)
        sums = np.add.reduceat(piece, starts[first:last] - starts[first], axis=0)
        centres[owners[first:last]] = sums / counts[first:last, None]
        first = last


def _reassign(
    points: NDArray[np.float32],
    centres: NDArray[np.float32],
    moved: NDArray[np.int64],
    assignment: NDArray[np.int64],
    similarity: NDArray[np.float32],
    budget: int,
) -> None:
    """Give every point its nearest centre. Similarity is x . c - |c|^2 / 2, higher is nearer.

    On entry ``assignment`` is right and ``similarity`` is known for the centres before they moved.
    """
    has_moved = np.zeros(len(centres), bool)
    has_moved[moved] = True
    at = np.flatnonzero(has_moved[assignment])
    now = np.empty(len(at), np.float32)
    halves = half_squares(centres)

    def update(piece: slice) -> None:
        rows = at[piece]
        own = assignment[rows]
        now[piece] = np.einsum("ij,ij->i", points[rows], centres[own]) - halves[own]

    in_pieces(update, len(at), points.shape[1], budget)
    # Centres that stayed were no better than the old own centre, so only points whose own centre
    # went away from them can prefer one of those now.
    away = at[now < similarity[at]]
    similarity[at] = now
    _take_better(points, centres, moved, np.arange(len(points)), assignment, similarity, budget)
    still = np.flatnonzero(~has_moved)
    if len(still) and len(away):
        _take_better(points, centres, still, away, assignment, similarity, budget)


def _take_better(
    points: NDArray[np.float32],
    centres: NDArray[np.float32],
    candidates: NDArray[np.int64],
    which: NDArray[np.int64],
    assignment: NDArray[np.int64],
    similarity: NDArray[np.float32],
    budget: int,
) -> None:
    targets = centres[candidates]
    halves = half_squares(targets)

    def take(at: slice) -> None:
        rows = which[at]
        found, value = nearest(points[rows], targets, halves)
        better = value > similarity[rows] + _GAIN * np.abs(value)
        assignment[rows[better]] = candidates[found[better]]
        similarity[rows[better]] = value[better]

    in_pieces(take, len(which), len(candidates), budget)


def _fill_empty(
    points: NDArray[np.float32],
    centres: NDArray[np.float32],
    assignment: NDArray[np.int64],
    similarity: NDArray[np.float32],
) -> None:
    sizes = np.bincount(assignment, minlength=len(centres))
    empty = np.flatnonzero(sizes == 0)
    if not len(empty):
        return
    lengths = np.einsum("ij,ij->i", points, points)
    distance = lengths - 2 * similarity
    order = iter(np.argsort(-distance, kind="stable").tolist())
    for cluster in empty.tolist():
        for point in order:
            if distance[point] <= _GAIN * max(1.0, float(lengths[point])):
                return  # only copies of centres are left: fewer distinct points than clusters
            if sizes[assignment[point]] > 1:
                sizes[assignment[point]] -= 1
                sizes[cluster] = 1
                assignment[point] = cluster
                centres[cluster] = points[point]
                similarity[point] = lengths[point] / 2
                break


def _inertia(
    points: NDArray[np.float32], centres: NDArray[np.float32], assignment: NDArray[np.int64]
) -> float:
    total = 0.0
    step = max(1, (32 << 20) // (8 * points.shape[1]))
    for start in range(0, len(points), step):
        at = slice(start, start + step)
        gap = points[at].astype(np.float64) - centres[assignment[at]]
        total += float((gap * gap).sum())
    return total
