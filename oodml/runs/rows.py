"""The value columns of a result row."""

from __future__ import annotations

import math
from typing import Any

from oodml.evaluation import Estimate


def result_row(metric: str, value: float, n: int, estimate: Estimate | None) -> dict[str, Any]:
    """One metric of one cell: value, n values it averages, interval and what the interval is.

    Without an ``estimate`` the metric is one value of n images together. ``low`` and ``high`` are
    None then, and where there are too few values for an interval.
    """
    low = high = math.nan
    interval = "none: one value of all images"
    if estimate is not None:
        low, high = estimate.low, estimate.high
        interval = f"{100 * estimate.level:g} % {estimate.estimator}"
    return {
        "metric": metric,
        "value": value,
        "n": n,
        "low": None if math.isnan(low) else low,
        "high": None if math.isnan(high) else high,
        "interval": interval,
    }
