"""Per-query values -> one sum and one count a class, the units that are resampled.

Means, intervals, tests and AGS need no more than these: a run that stores them can be compared with
any other later, without ranks or embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.short_repr import short_fields

Average = Literal["micro", "macro"]
_CHUNK_CELLS = 4_000_000
_OTHER_QUERIES = "the methods do not score the same queries; compare them on the same ones"


@dataclass(frozen=True, repr=False)
class ClassSums:
    """Sums and counts by class; classes without a query are left out.

    Attributes:
        sums: float64 [S, C] (S runs, for instance seeds).
        counts: float64 [C], queries of each class; the same for every run.
        names: [C] names of the classes.

    Raises:
        DataError: shapes that do not fit, a class twice or without a query, sums that are not
            finite.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        classes = len(self.names)
        if self.sums.ndim != 2 or self.sums.shape[1] != classes or self.counts.shape != (classes,):
            raise DataError(
                f"sums {self.sums.shape}, counts {self.counts.shape} and {classes} names: expected "
                "[runs, C], [C] and C"
            )
        if len(set(self.names)) != classes:
            raise DataError("names: a class stands twice")
        if not classes or not (self.counts > 0).all() or not np.isfinite(self.sums).all():
            raise DataError("expected classes with at least one query each and finite sums")

    def statistic(self, weights: NDArray[np.float64], average: Average) -> NDArray[np.float64]:
        """The average when class c is taken weights[b, c] times: [B, C] -> float64 [B, S]."""
        if average == "macro":
            return weights @ (self.sums / self.counts).T / weights.sum(axis=1, keepdims=True)
        return weights @ self.sums.T / (weights @ self.counts)[:, None]

    def estimate(self, average: Average) -> NDArray[np.float64]:
        """The average itself: float64 [S]."""
        return self.statistic(np.ones((1, len(self.counts))), average)[0]

    def mean_run(self) -> ClassSums:
        """One run whose values are the means over all runs."""
        return replace(self, sums=self.sums.mean(axis=0, keepdims=True))

    def fitted_to(self, other: ClassSums) -> ClassSums:
        """The same with classes in the order of ``other``; DataError where the queries differ.

        Sums cannot tell which queries of a class they are made of: that as many queries of the same
        classes are scored is all that is checked.
        """
        if self.names == other.names:
            fitted = self
        else:
            place = {name: index for index, name in enumerate(self.names)}
            if place.keys() != set(other.names):
                raise DataError(_OTHER_QUERIES)
            order = [place[name] for name in other.names]
            fitted = ClassSums(self.sums[:, order], self.counts[order], other.names)
        if not np.array_equal(fitted.counts, other.counts):
            raise DataError(_OTHER_QUERIES)
        return fitted

    __repr__ = short_fields


def stack_runs(runs: Sequence[ClassSums]) -> ClassSums:
    """Runs of one method (seeds) on the same queries as one: sums [all runs, C].

    >>> one, two = (class_sums(values, ["a", "a", "b"]) for values in ([1, 0, 1], [1, 1, 0]))
    >>> stack_runs([one, two]).sums.tolist()
    [[1.0, 1.0], [2.0, 0.0]]
    """
    if not runs:
        raise UsageError("runs: give at least one")
    sums = np.concatenate([run.fitted_to(runs[0]).sums for run in runs])
    return replace(runs[0], sums=sums)


def class_sums(values: Any, labels: Any) -> ClassSums:
    """Group per-query values [Q] or [S, Q] by their labels [Q] (any values, for instance codes).

    NaN marks queries that are not scored, as in `Report.per_query`; they are left out, and must be
    the same for every run.

    >>> found = class_sums([1.0, 0.0, 1.0, float("nan")], ["b", "b", "a", "c"])
    >>> found.names, found.sums.tolist(), found.counts.tolist()
    (('a', 'b'), [[1.0, 1.0]], [1.0, 2.0])
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
    counts = np.bincount(member, minlength=len(codes)).astype(np.float64)
    return ClassSums(sums, counts, tuple(str(code) for code in codes))


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
