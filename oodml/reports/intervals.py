"""The interval of each value of the table: what other test classes could have given."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from oodml.evaluation import ClassSums, Estimate
from oodml.reports.class_values import class_intervals
from oodml.reports.summary import Row

_STORED = re.compile(r"([0-9.]+) % (.+)")


def intervals_of(
    rows: pd.DataFrame, by_class: Mapping[tuple[Row, int], ClassSums]
) -> dict[tuple[Row, int], Estimate]:
    """From the class values, runs averaged; without them, as stored with the one run there is.

    Args:
        rows: of one metric, setting and task.
        by_class: class values by row and level, as far as they are at hand.
    """
    found: dict[tuple[Row, int], Estimate] = {}
    for (label, condition, level), cells in rows.groupby(["label", "condition", "level"]):
        stored = _stored(cells)
        if stored is not None:
            found[Row(str(label), str(condition)), int(level)] = stored
    for level in sorted({at for _, at in by_class}):
        values = {row: one for (row, at), one in by_class.items() if at == level}
        for row, estimate in class_intervals(values).items():
            if estimate.low == estimate.low:
                found[row, level] = estimate
    return found


def _stored(cells: pd.DataFrame) -> Estimate | None:
    """The interval that stands in the results; None for several runs, whose mean has another."""
    if len(cells) != 1:
        return None
    cell = cells.iloc[0]
    text = _STORED.fullmatch(str(cell["interval"]))
    low, high = float(cell["low"]), float(cell["high"])
    if text is None or low != low or high != high:
        return None
    level = float(text[1]) / 100
    return Estimate(float(cell["value"]), low, high, level, int(cell["n"]), text[2])
