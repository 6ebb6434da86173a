"""A number with its interval: what was estimated, how, and from how many values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError


@dataclass(frozen=True)
class Estimate:
    """A value and its confidence interval.

    Attributes:
        value: the point estimate.
        low, high: ends of the interval; NaN where n is too small for one.
        level: confidence, for instance 0.95.
        n: how many independent values (seeds, episodes, classes) it rests on.
        estimator: name of the interval, for instance "t over 5 seeds".
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    estimator: str

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


def t_interval(
    values: Sequence[float] | NDArray[np.float64], *, level: float = 0.95, over: str = "values"
) -> Estimate:
    """Mean with Student's t-interval: mean +- t_{n-1} * s / sqrt(n), s with n - 1 below.

    Args:
        over: what the values are, for the estimator's name: "seeds", "episodes".

    Raises:
        UsageError: no values, or a level outside (0, 1).

    >>> estimate = t_interval([0.5, 0.7], over="seeds")
    >>> round(estimate.value, 2), round(estimate.half_width, 3), estimate.estimator
    (0.6, 1.271, 't over 2 seeds')
    """
    from scipy import stats

    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not len(array):
        raise UsageError("t_interval: expected a non-empty list of numbers")
    if not 0 < level < 1:
        raise UsageError(f"level={level}: expected a number between 0 and 1")
    n, mean = len(array), float(array.mean())
    half = float("nan")
    if n > 1:
        half = float(stats.t.ppf((1 + level) / 2, n - 1) * array.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, mean - half, mean + half, level, n, f"t over {n} {over}")
