"""A result row: the columns of one metric of one cell (results schema 3)."""

from __future__ import annotations

import math
from typing import Any

from oodml.core.hashing import canonical_json
from oodml.evaluation import Estimate
from oodml.runs.plan.cell import Cell

SCHEMA_VERSION = 3
# name -> pandas type. Int64 and boolean may be missing.
COLUMNS = {
    "run_id": "str",
    "setting": "str",
    "dataset": "str",
    "dataset_fingerprint": "str",
    "ladder": "str",
    "ladder_sha256": "str",
    "condition": "str",
    "level": "int64",
    "draw": "Int64",
    "shift": "float64",
    "shift_measure": "str",
    "train_classes": "int64",
    "val_classes": "int64",
    "test_classes": "int64",
    "test_images": "int64",
    "method": "str",
    "method_version": "str",
    "label": "str",
    "trains": "bool",
    "hyper_parameters": "str",
    "backbone": "str",
    "pretraining": "str",
    "features_key": "str",
    "mode": "str",
    "selection": "str",
    "selection_fair": "bool",
    "training": "str",
    "training_changes": "str",
    "seed": "int64",
    "protocol": "str",
    "task": "str",
    "metric": "str",
    "shots": "Int64",
    "value": "float64",
    "n": "int64",
    "low": "float64",
    "high": "float64",
    "interval": "str",
}
SORTED_BY = ("setting", "condition", "draw", "level", "label", "seed", "task", "metric")

ResultValues = dict[str, Any]


def result_row(
    metric: str,
    value: float,
    n: int,
    estimate: Estimate | None,
    *,
    shots: int | None = None,
    interval: str = "none: one value of all images",
) -> ResultValues:
    """One metric of one cell: value, n values it averages, interval and what the interval is.

    Without an ``estimate`` the metric is one value of n images together. ``low`` and ``high`` are
    None then, and where there are too few values for an interval.
    """
    low = high = math.nan
    if estimate is not None:
        low, high = estimate.low, estimate.high
        interval = f"{100 * estimate.level:g} % {estimate.estimator}"
    return {
        "metric": metric,
        "shots": shots,
        "value": float(value),
        "n": int(n),
        "low": None if math.isnan(low) else float(low),
        "high": None if math.isnan(high) else float(high),
        "interval": interval,
    }


def cell_columns(cell: Cell) -> dict[str, Any]:
    """The columns that all rows of a cell share; needs neither its method nor its data."""
    names = set(COLUMNS) & set(vars(cell))
    return {
        **{name: getattr(cell, name) for name in names},
        "run_id": cell.run_id,
        "hyper_parameters": canonical_json(cell.hyper_parameters),
        "training": canonical_json(cell.training),
        "training_changes": canonical_json(cell.training_changes),
        "mode": cell.training.get("mode", "none"),
        "selection": cell.training.get("selection", "none"),
    }
