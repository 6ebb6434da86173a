"""A metric summed by test class, as the cells store it, and the statistics made of it.

The only file of this room that knows what the functions in `oodml.evaluation.uncertainty` take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from oodml.core.errors import IntegrityError
from oodml.evaluation import (
    ClassSums,
    Estimate,
    TransferShare,
    paired_bootstrap_of,
    separable_from_best,
    transfer_share,
)
from oodml.evaluation.uncertainty import (
    ags_bootstrap_of,
    ags_weights,
    bootstrap_intervals_of,
    p_values_against,
    stack_runs,
)
from oodml.reports.summary import Row
from oodml.runs import class_sums

_RESAMPLES = 2_000  # as behind the stored intervals of the cells
_NEAR = 1e-6


def read_class_values(folder: Path, cells: pd.DataFrame, metric: str) -> ClassSums | None:
    """The class values of cells that differ in their seed only; None where a file lacks them.

    Args:
        folder: of the run, with ``cells/<run id>/classes.parquet``.
        cells: rows of the results table, for the metric's name, in the order of the seeds.

    Raises:
        IntegrityError: a file that cannot be read or does not give the mean that the table says.
    """
    found = []
    for run_id, value in zip(cells["run_id"], cells["value"], strict=True):
        one = class_sums(folder, str(run_id), metric)
        if one is None:
            return None
        mean = float(one.sums.sum() / one.counts.sum())
        if abs(mean - value) > _NEAR * max(1.0, abs(mean)):
            raise IntegrityError(
                f"{folder / 'cells' / str(run_id)}: its sums by class give {metric} = {mean:.6g} "
                f"where the results table has {value:.6g}; they are of different runs, make the "
                "cell again"
            )
        found.append(one)
    if not found or any(not same_queries(found[0], one) for one in found):
        return None
    return stack_runs(found)


def ags_interval(shifts: Sequence[float], levels: Sequence[ClassSums]) -> Estimate:
    """AGS of a method with an interval over the ladder's test classes and the seeds."""
    return ags_bootstrap_of(shifts, levels, resamples=_RESAMPLES)


def along_ladder(shifts: Sequence[float], levels: Sequence[ClassSums]) -> ClassSums:
    """What each class adds to a method's AGS, seeds averaged: a class counts on all its levels."""
    total: dict[str, float] = {}
    for weight, level in zip(ags_weights(shifts), levels, strict=True):
        shares = weight * level.sums.mean(axis=0) / level.counts.sum()
        for name, share in zip(level.names, shares, strict=True):
            total[name] = total.get(name, 0.0) + float(share)
    names = tuple(sorted(total))
    return ClassSums(np.array([[total[name] for name in names]]), np.ones(len(names)), names)


def told_from_best(
    methods: Mapping[Row, ClassSums], significance: float, *, higher_is_better: bool
) -> frozenset[Row]:
    """The methods that a test tells from the best of them; see `separable_from_best`."""
    found = separable_from_best(
        methods,
        higher_is_better=higher_is_better,
        level=1 - significance,
        resamples=_RESAMPLES,
        paired_seeds=False,  # methods that do not train have one run, others several
    )
    return frozenset(row for row, one in found.items() if one.separable)


def class_intervals(values: Mapping[Row, ClassSums]) -> dict[Row, Estimate]:
    """The mean of each with an interval over its test classes, seeds averaged.

    Rows of the same queries share their resamples, which is faster than one pass a row.
    """
    groups: list[list[Row]] = []
    for row, one in values.items():
        for group in groups:
            if same_queries(values[group[0]], one):
                group.append(row)
                break
        else:
            groups.append([row])
    found: dict[Row, Estimate] = {}
    for group in groups:
        names = {str(index): row for index, row in enumerate(group)}
        sums = {name: values[row] for name, row in names.items()}
        estimates = bootstrap_intervals_of(sums, resamples=_RESAMPLES)
        found |= {row: estimates[name] for name, row in names.items()}
    return found


def told_from_reference(
    pairs: Mapping[tuple[Row, int], tuple[ClassSums, ClassSums]], significance: float
) -> frozenset[tuple[Row, int]]:
    """The pairs of class values that a test tells apart, corrected for all of them."""
    found = p_values_against(pairs, significance=significance, resamples=_RESAMPLES)
    return frozenset(key for key, p_value in found.items() if p_value <= significance)


def difference_of(one: ClassSums, other: ClassSums) -> Estimate:
    """One mean less the other, with an interval over classes and seeds."""
    return paired_bootstrap_of(one, other, resamples=_RESAMPLES, paired_seeds=False)


def share_of(
    method: ClassSums, ceiling: ClassSums, frozen: ClassSums, *, higher_is_better: bool
) -> TransferShare:
    """The transfer share of a method on a level; see `transfer_share`."""
    return transfer_share(
        method, ceiling, frozen, higher_is_better=higher_is_better, resamples=_RESAMPLES
    )


def same_queries(one: ClassSums, other: ClassSums) -> bool:
    """Whether both are of the same classes with as many queries each."""
    return one.names == other.names and bool(np.array_equal(one.counts, other.counts))
