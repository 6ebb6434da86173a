"""Class-clustered bootstrap intervals.

Queries of one class are not independent: they share the class's difficulty, and one is another's
positive. So whole classes are resampled (Cameron, Gelbach and Miller 2008; Davison and Hinkley
1997, section 3.8), not queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.uncertainty.class_sums import (
    Average,
    ClassSums,
    check_settings,
    class_sums,
    resampled_weights,
    stack_runs,
)
from oodml.evaluation.uncertainty.estimates import Estimate

IntervalMethod = Literal["bca", "percentile"]


def bootstrap_intervals(
    values: Mapping[str, Any],
    labels: Any,
    *,
    method: IntervalMethod = "bca",
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Intervals of several metrics from one pass over the same resamples.

    Args:
        values: metric name -> per-query values [Q] (NaN: not scored).
        labels: class of each query [Q].
        method: "percentile", or "bca" (Efron 1987): percentiles corrected for bias and for a
            standard error that changes with the value (acceleration from leaving out one class).
        average: "micro" (mean over queries) or "macro" (mean over class means).

    Returns:
        For each metric an Estimate with n = number of classes. With one class the interval is NaN.
    """
    check_settings(level, resamples, average)
    _check_method(method)
    if not values:
        return {}
    names = list(values)
    for name in names:
        if np.shape(values[name]) != np.shape(labels):
            raise DataError(f"{name}: {np.shape(values[name])} values, {np.shape(labels)} labels")
    groups = class_sums(np.stack([np.asarray(values[name], float) for name in names]), labels)
    return _intervals(names, groups, method, average, level, resamples, seed)


def bootstrap_intervals_of(
    sums: Mapping[str, ClassSums],
    *,
    method: IntervalMethod = "bca",
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """`bootstrap_intervals` of class sums, by metric, of the same queries; runs are averaged.

    >>> one = class_sums([1, 0, 1, 1, 0, 1], list("aabbcc"))
    >>> found = bootstrap_intervals_of({"recall_at_1": one}, resamples=200)["recall_at_1"]
    >>> round(found.value, 4), found.n
    (0.6667, 3)
    """
    check_settings(level, resamples, average)
    _check_method(method)
    if not sums:
        return {}
    groups = stack_runs([one.mean_run() for one in sums.values()])
    return _intervals(list(sums), groups, method, average, level, resamples, seed)


def _check_method(method: str) -> None:
    if method not in get_args(IntervalMethod):
        raise UsageError(f"method {method!r}: expected bca or percentile")


def _intervals(
    names: list[str],
    groups: ClassSums,
    method: IntervalMethod,
    average: Average,
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Of each run of ``groups``, one a name."""
    classes = len(groups.counts)
    point = groups.estimate(average)
    drawn = _replicates(groups, average, resamples, np.random.default_rng(seed))
    label = {"bca": "BCa", "percentile": "percentile"}[method]
    estimator = f"{label} bootstrap over {classes} classes, {resamples} resamples"
    jackknife = _jackknife(groups, average) if method == "bca" else None
    result = {}
    for index, name in enumerate(names):
        low = high = float("nan")
        if classes > 1:
            acceleration = None if jackknife is None else _acceleration(jackknife[:, index])
            low, high = interval(drawn[:, index], float(point[index]), level, acceleration)
        result[name] = Estimate(float(point[index]), low, high, level, classes, estimator)
    return result


def interval(
    replicates: NDArray[np.float64],
    point: float,
    level: float,
    acceleration: float | None = None,
) -> tuple[float, float]:
    """Percentile interval of bootstrap replicates; BCa if an acceleration is given."""
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if acceleration is not None:
        tails = _bca_tails(replicates, point, tails, acceleration)
    low, high = np.quantile(replicates, tails)
    return float(low), float(high)


def _replicates(
    groups: ClassSums, average: Average, resamples: int, random: np.random.Generator
) -> NDArray[np.float64]:
    chunks = resampled_weights(len(groups.counts), resamples, random)
    return np.concatenate([groups.statistic(weights, average) for weights in chunks])


def _jackknife(groups: ClassSums, average: Average) -> NDArray[np.float64]:
    """The average without each class in turn: float64 [C, S]."""
    if average == "macro":
        means = groups.sums / groups.counts
        return ((means.sum(axis=1, keepdims=True) - means) / max(1, means.shape[1] - 1)).T
    rest = np.maximum(groups.counts.sum() - groups.counts, 1)
    return ((groups.sums.sum(axis=1, keepdims=True) - groups.sums) / rest).T


def _acceleration(left_out: NDArray[np.float64]) -> float:
    deviation = left_out.mean() - left_out
    spread = float((deviation**2).sum())
    return float((deviation**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def _bca_tails(
    replicates: NDArray[np.float64],
    point: float,
    tails: NDArray[np.float64],
    acceleration: float,
) -> NDArray[np.float64]:
    from scipy.special import ndtr, ndtri

    # Replicates equal to the estimate count half, so that discrete metrics are not biased; the
    # share is kept off 0 and 1, where the correction is infinite.
    close = np.isclose(replicates, point, rtol=1e-12, atol=0)
    below = np.count_nonzero((replicates < point) & ~close) + 0.5 * np.count_nonzero(close)
    share = np.clip(below / len(replicates), 1 / len(replicates), 1 - 1 / len(replicates))
    bias = ndtri(share)
    shifted = bias + ndtri(tails)
    corrected: NDArray[np.float64] = ndtr(bias + shifted / (1 - acceleration * shifted))
    return corrected
