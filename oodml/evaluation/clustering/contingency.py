"""Agreement of a clustering with the classes, from their sparse contingency table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError


@dataclass(frozen=True)
class Contingency:
    """How many items each (class, cluster) pair has; only pairs that occur.

    Attributes:
        cells: int64 [Z], counts of the occurring pairs.
        rows, columns: int64 [Z], their class and cluster codes.
        class_sizes, cluster_sizes: int64, without zeros.
    """

    cells: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    class_sizes: NDArray[np.int64]
    cluster_sizes: NDArray[np.int64]

    @property
    def n(self) -> int:
        return int(self.class_sizes.sum())


def contingency(labels: Any, clusters: Any) -> Contingency:
    """Count the pairs of ``labels`` [N] and ``clusters`` [N] (any values)."""
    classes = np.unique(np.asarray(labels), return_inverse=True)[1].ravel().astype(np.int64)
    groups = np.unique(np.asarray(clusters), return_inverse=True)[1].ravel().astype(np.int64)
    if classes.shape != groups.shape or not len(classes):
        raise DataError(f"{len(classes)} labels and {len(groups)} clusters do not fit together")
    width = int(groups.max()) + 1
    pairs, cells = np.unique(classes * width + groups, return_counts=True)
    return Contingency(
        cells.astype(np.int64),
        pairs // width,
        pairs % width,
        np.bincount(classes).astype(np.int64),
        np.bincount(groups).astype(np.int64),
    )


def nmi(table: Contingency) -> float:
    """Normalised mutual information, 2 I / (H_classes + H_clusters); 1 if both are one group.

    Source: arithmetic mean as in SEC's and ooDML's code; Vinh, Epps, Bailey 2010 call it NMI_sum.

    >>> round(nmi(contingency([0, 0, 1, 1], [0, 0, 1, 2])), 4)
    0.8
    """
    total = _entropy(table.class_sizes) + _entropy(table.cluster_sizes)
    return 1.0 if total == 0 else max(0.0, 2 * _mutual_information(table) / total)


def ami(table: Contingency) -> float:
    """Adjusted mutual information, (I - E) / (mean(H) - E), E the expected I of random clusterings.

    Source: Vinh, Epps, Bailey 2010, AMI_sum; hypergeometric model. 1 where both are one group, or
    every item is its own on both sides.

    >>> round(ami(contingency([0, 0, 1, 1], [0, 0, 1, 2])), 4)
    0.5714
    """
    if len(table.class_sizes) == len(table.cluster_sizes) in (1, table.n):
        return 1.0
    expected = expected_mutual_information(table)
    mean = (_entropy(table.class_sizes) + _entropy(table.cluster_sizes)) / 2
    rest = mean - expected
    if abs(rest) < np.finfo(float).eps:
        rest = np.finfo(float).eps
    return float((_mutual_information(table) - expected) / rest)


def f1_pairwise(table: Contingency) -> float:
    """F1 over pairs: 2 P R / (P + R) with P, R of "same cluster" as a guess of "same class".

    Source: Manning, Raghavan, Schuetze 2008, section 16.3; the F1 of SEC and ooDML.

    >>> round(f1_pairwise(contingency([0, 0, 1, 1], [0, 0, 1, 2])), 4)
    0.6667
    """
    together = _pairs(table.cells)
    guessed, true = _pairs(table.cluster_sizes), _pairs(table.class_sizes)
    return 2 * together / (guessed + true) if guessed + true else 1.0


def expected_mutual_information(table: Contingency) -> float:
    """E[I] when sizes are kept and items are dealt at random.

    The sum over all (class, cluster) pairs depends on their sizes only, so it runs over pairs of
    different sizes: with 11,000 classes of 2 to 12 images that is a hundred terms instead of 10^8.
    """
    from scipy.special import gammaln

    n = table.n
    total = 0.0
    row_sizes, row_times = np.unique(table.class_sizes, return_counts=True)
    column_sizes, column_times = np.unique(table.cluster_sizes, return_counts=True)
    for a, times_a in zip(row_sizes.tolist(), row_times.tolist(), strict=True):
        for b, times_b in zip(column_sizes.tolist(), column_times.tolist(), strict=True):
            shared = np.arange(max(1, a + b - n), min(a, b) + 1, dtype=np.float64)
            log_chance = (
                gammaln(a + 1) + gammaln(b + 1) + gammaln(n - a + 1) + gammaln(n - b + 1)
                - gammaln(n + 1) - gammaln(shared + 1) - gammaln(a - shared + 1)
                - gammaln(b - shared + 1) - gammaln(n - a - b + shared + 1)
            )  # fmt: skip
            gain = shared / n * (np.log(n) + np.log(shared) - np.log(a) - np.log(b))
            total += times_a * times_b * float((gain * np.exp(log_chance)).sum())
    return total


def _mutual_information(table: Contingency) -> float:
    share = table.cells / table.n
    apart = np.log(table.class_sizes[table.rows]) + np.log(table.cluster_sizes[table.columns])
    return float((share * (np.log(table.cells) + np.log(table.n) - apart)).sum())


def _entropy(sizes: NDArray[np.int64]) -> float:
    share = sizes / sizes.sum()
    return float(-(share * np.log(share)).sum())


def _pairs(sizes: NDArray[np.int64]) -> float:
    return float((sizes * (sizes - 1) // 2).sum())
