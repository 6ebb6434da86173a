"""AGS of every method: the area under metric over shift, with the interval that can be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from oodml.core.errors import DataError
from oodml.evaluation import ClassSums, Estimate
from oodml.evaluation.uncertainty import ags, ags_over_seeds, ags_weights
from oodml.reports.class_values import ags_interval
from oodml.reports.summary import AgsColumn, AgsInterval, LevelColumn, Row

_NAN = float("nan")


def ags_column(
    values: Mapping[Row, pd.DataFrame],
    levels: Sequence[LevelColumn],
    by_class: Mapping[tuple[Row, int], ClassSums],
) -> AgsColumn:
    """AGS of the forward rows that have every level.

    The interval is of one kind for the whole column: over classes if the class values of all
    methods are at hand, else over seeds where a method has two.

    Args:
        values: by row, its values: a row a seed, a column a level; NaN where there is none.
        by_class: class values by row and level, as far as they are at hand.
    """
    shifts = [column.shift for column in levels]
    try:
        ags_weights(shifts)
    except DataError:  # one level, or levels of equal shift: no area
        return AgsColumn(False, {}, "none")
    numbers = [column.level for column in levels]
    whole = {
        row: table[numbers]
        for row, table in values.items()
        if row.forward and set(numbers) <= set(table) and table[numbers].notna().any().all()
    }
    points = {row: ags(shifts, table.mean().to_numpy()) for row, table in whole.items()}
    entries: dict[Row, Estimate] = {}
    if whole and all(_resampled(row, table, by_class) for row, table in whole.items()):
        for row in whole:
            entries[row] = ags_interval(shifts, [by_class[row, at] for at in numbers])
        return AgsColumn(True, entries, "classes")
    kind: AgsInterval = "none"
    for row, table in whole.items():
        curves = table.dropna().to_numpy(np.float64)
        entries[row] = Estimate(points[row], _NAN, _NAN, 0.95, len(curves), "none")
        # an interval only where every seed has every level: it is the spread of whole curves
        if len(curves) > 1 and len(curves) == len(table):
            entries[row] = replace(ags_over_seeds(shifts, curves), value=points[row])
            kind = "seeds"
    return AgsColumn(True, entries, kind)


def _resampled(
    row: Row, table: pd.DataFrame, by_class: Mapping[tuple[Row, int], ClassSums]
) -> bool:
    """Whether classes and seeds can be resampled together: class values for every seed and level."""
    seeds = {len(by_class[row, at].sums) if (row, at) in by_class else None for at in table}
    return seeds == {len(table)} and bool(table.notna().all().all())
