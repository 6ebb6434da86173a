"""What the number behind ± is; every table names it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.evaluation import t_interval

Spread = Callable[[NDArray[np.float64]], float]


def _standard_deviation(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1))


def _standard_error(values: NDArray[np.float64]) -> float:
    return _standard_deviation(values) / len(values) ** 0.5


def _t_half_width(values: NDArray[np.float64]) -> float:
    return t_interval(values, over="seeds").half_width


ESTIMATORS: dict[str, tuple[str, Spread]] = {
    "std": ("sample standard deviation over seeds", _standard_deviation),
    "sem": ("standard error over seeds", _standard_error),
    "t95": ("half width of the 95 % t-interval over seeds", _t_half_width),
}


def spread_of(estimator: str) -> Spread:
    """The function behind a name in ESTIMATORS; UsageError for another."""
    if estimator not in ESTIMATORS:
        raise UsageError(f"estimator {estimator!r}: expected one of {', '.join(ESTIMATORS)}")
    return ESTIMATORS[estimator][1]
