"""A metric summed by test class, as the cells store it, and the statistics made of it.

The only file of this room that knows what the functions in `oodml.evaluation.uncertainty` take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from oodml.core.errors import IntegrityError
from oodml.evaluation import Estimate
from oodml.evaluation.uncertainty import (
    adjust_p_values,
    ags_bootstrap,
    ags_weights,
    permutation_test,
)
from oodml.reports.summary import Row

CLASSES_FILE = "classes.parquet"
_RESAMPLES = 2_000  # as behind the stored intervals of the cells
_SWAPS = 10_000
_NEAR = 1e-6


@dataclass(frozen=True)
class ClassValues:
    """A metric of one method on one level, class by class.

    Attributes:
        classes: names of the classes with a scored query.
        counts: float64 [C], their scored queries.
        sums: float64 [S, C], the metric summed over them, a row a seed.
    """

    classes: tuple[str, ...]
    counts: NDArray[np.float64]
    sums: NDArray[np.float64]

    def same_queries(self, other: ClassValues) -> bool:
        return self.classes == other.classes and bool(np.array_equal(self.counts, other.counts))


def read_class_values(folder: Path, cells: pd.DataFrame, metric: str) -> ClassValues | None:
    """The class values of cells that differ in their seed only; None where a file lacks them.

    Args:
        folder: of the run, with ``cells/<run id>/classes.parquet``.
        cells: rows of the results table, for the metric's name, in the order of the seeds.

    Raises:
        IntegrityError: a file that cannot be read or does not give the mean that the table says.
    """
    found = []
    for run_id, value in zip(cells["run_id"], cells["value"], strict=True):
        path = folder / "cells" / str(run_id) / CLASSES_FILE
        one = _read(path, metric)
        if one is None:
            return None
        mean = float(one.sums.sum() / one.counts.sum())
        if abs(mean - value) > _NEAR * max(1.0, abs(mean)):
            raise IntegrityError(
                f"{path}: gives {metric} = {mean:.6g} where the results table has {value:.6g}; "
                "they are of different runs, make the cell again"
            )
        found.append(one)
    if not found or any(not found[0].same_queries(one) for one in found):
        return None
    return ClassValues(
        found[0].classes, found[0].counts, np.concatenate([one.sums for one in found])
    )


def ags_interval(shifts: Sequence[float], levels: Sequence[ClassValues]) -> Estimate:
    """AGS of a method with an interval over the ladder's test classes and the seeds."""
    values, labels = [], []
    for level in levels:
        counts = level.counts.astype(np.int64)
        # every query of a class at the class's mean: the same sums, so the same statistic
        values.append(np.repeat(level.sums / level.counts, counts, axis=1))
        labels.append(np.repeat(np.array(level.classes), counts))
    return ags_bootstrap(shifts, values, labels, resamples=_RESAMPLES)


def along_ladder(shifts: Sequence[float], levels: Sequence[ClassValues]) -> ClassValues:
    """What each class adds to a method's AGS, seeds averaged: a class counts on all its levels."""
    total: dict[str, float] = {}
    for weight, level in zip(ags_weights(shifts), levels, strict=True):
        shares = weight * level.sums.mean(axis=0) / level.counts.sum()
        for name, share in zip(level.classes, shares, strict=True):
            total[name] = total.get(name, 0.0) + float(share)
    names = tuple(sorted(total))
    return ClassValues(names, np.ones(len(names)), np.array([[total[name] for name in names]]))


def told_from(best: Row, methods: Mapping[Row, ClassValues], significance: float) -> frozenset[Row]:
    """The methods that a test tells from ``best``.

    A paired permutation test that swaps two methods class by class, seeds averaged: would other
    test classes agree, with the trained models as they are? The best was found by the values that
    are tested, so any pair might have been: p-values are corrected by Holm over all pairs.
    """
    pairs = list(combinations(sorted(methods), 2))
    # enough swaps that the correction leaves the smallest p-value significant
    resamples = max(_SWAPS, ceil(2 * len(pairs) / significance))
    p_values = []
    for left, right in pairs:
        # one value a class: whole classes are swapped, and how many queries hold it plays no role
        first, second = (methods[row].sums.mean(axis=0) for row in (left, right))
        test = permutation_test(first, second, methods[left].classes, resamples=resamples)
        p_values.append(test.p_value)
    return frozenset(
        right if left == best else left
        for (left, right), p in zip(pairs, adjust_p_values(p_values, "holm"), strict=True)
        if best in (left, right) and p <= significance
    )


def _read(path: Path, metric: str) -> ClassValues | None:
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path}: not a readable Parquet file ({error})") from None
    if metric not in table:
        return None
    if missing := {"class", "count"} - set(table):
        raise IntegrityError(f"{path}: lacks the columns {sorted(missing)}")
    table = table[table["count"] > 0].sort_values("class")
    if not len(table):
        return None
    return ClassValues(
        tuple(map(str, table["class"])),
        table["count"].to_numpy(np.float64),
        table[metric].to_numpy(np.float64)[None, :],
    )
