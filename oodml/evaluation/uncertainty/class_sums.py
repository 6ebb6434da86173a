"""Per-query values -> one sum and one count a class, the units that are resampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError

Average = Literal["micro", "macro"]
_CHUNK_CELLS = 4_000_000


@dataclass(frozen=True)
class ClassSums:
    """Sums and counts by class; classes without a query are left out.

    Attributes:
        sums: float64 [S, C] (S runs, for instance seeds).
        counts: float64 [C].
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]

    def statistic(self, weights: NDArray[np.float64], average: Average) -> NDArray[np.float64]:
        """The average when class c is taken weights[b, c] times: [B, C] -> float64 [B, S]."""
        if average == "macro":
            return weights @ (self.sums / self.counts).T / weights.sum(axis=1, keepdims=True)
        return weights @ self.sums.T / (weights @ self.counts)[:, None]

    def estimate(self, average: Average) -> NDArray[np.float64]:
        """The average itself: float64 [S]."""
        return self.statistic(np.ones((1, len(self.counts))), average)[0]


def class_sums(values: Any, labels: Any) -> ClassSums:
    """Group per-query values [Q] or [S, Q] by their labels [Q] (any values, for instance codes).

    NaN marks queries that are not scored, as in `Report.per_query`; they are left out, and must be
    the same for every run.
    """
    array = np.atleast_2d(np.asarray(values, np.float64))
    names = np.asarray(labels)
    if array.ndim != 2 or names.shape != (array.shape[1],):
        raise DataError(f"values {array.shape} and labels {names.shape} do not fit together")
    missing = np.isnan(array)
    if (missing != missing[0]).any():
        raise DataError("the runs do not score the same queries; compare runs on the same queries")
    array, names = array[:, ~missing[0]], names[~missing[0]]
    if not len(names):
        raise DataError("no scored query")
    codes, member = np.unique(names, return_inverse=True)
    sums = np.stack([np.bincount(member, row, len(codes)) for row in array]).astype(np.float64)
    return ClassSums(sums, np.bincount(member, minlength=len(codes)).astype(np.float64))


def resampled_weights(
    units: int, resamples: int, random: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """How often each of ``units`` is drawn with replacement, in chunks float64 [b, units]."""
    step = max(1, _CHUNK_CELLS // units)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, units, (rows, units))
        drawn += np.arange(rows)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=rows * units)
        yield counts.reshape(rows, units).astype(np.float64)


def check_settings(level: float, resamples: int, average: str) -> None:
    """UsageError for a confidence outside (0, 1), too few resamples, or an unknown average."""
    if not 0 < level < 1:
        raise UsageError(f"level={level}: expected a number between 0 and 1")
    if resamples < 100:
        raise UsageError(f"resamples={resamples}: take at least 100")
    if average not in ("micro", "macro"):
        raise UsageError(f"average {average!r}: expected micro or macro")
