"""The value columns of a result row."""

from __future__ import annotations

import math
from typing import Any

from oodml.evaluation import Estimate


def result_row(metric: str, estimate: Estimate, n: int) -> dict[str, Any]:
    """One metric of one cell: value, n values it averages, interval and what the interval is.

    ``low`` and ``high`` are None where there are too few values for an interval.
    """
    return {
        "metric": metric,
        "value": estimate.value,
        "n": n,
        "low": None if math.isnan(estimate.low) else estimate.low,
        "high": None if math.isnan(estimate.high) else estimate.high,
        "interval": f"{100 * estimate.level:g} % {estimate.estimator}",
    }


def single_value_row(metric: str, value: float, n: int) -> dict[str, Any]:
    """One metric computed once from n images together, so without an interval."""
    return {
        "metric": metric,
        "value": value,
        "n": n,
        "low": None,
        "high": None,
        "interval": "none: one value of all images",
    }
