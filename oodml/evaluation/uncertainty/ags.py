"""AGS, the aggregated generalisation score: the area under metric against shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.uncertainty.bootstrap import interval
from oodml.evaluation.uncertainty.class_sums import (
    Average,
    check_settings,
    class_sums,
    resampled_weights,
)
from oodml.evaluation.uncertainty.estimates import Estimate, t_interval


def ags_weights(shifts: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """What each level counts: float64 [L], summing to 1.

    AGS = sum_l w_l * metric_l: the trapezoid rule over the shift rescaled linearly to [0, 1],
    (shift - min) / (max - min). Source: Milbich et al. 2021; the rescaling is inferred from their
    published bars, which it reproduces within 0.03 points.

    Levels may come in any order; two levels of equal shift share their place.

    >>> ags_weights([10.0, 20.0, 40.0]).round(4).tolist()
    [0.1667, 0.5, 0.3333]
    """
    x = np.asarray(shifts, np.float64)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all() or x.max() == x.min():
        raise DataError("shifts: AGS needs at least two levels of different, finite shift")
    order = np.argsort(x, kind="stable")
    gaps = np.diff((x[order] - x.min()) / (x.max() - x.min()))
    weights = np.zeros(len(x))
    weights[order[:-1]] += gaps / 2
    weights[order[1:]] += gaps / 2
    return weights


def ags(
    shifts: Sequence[float] | NDArray[np.float64], values: Sequence[float] | NDArray[np.float64]
) -> float:
    """AGS of one curve: metric values [L] at the levels' shifts [L].

    >>> round(ags([10.0, 20.0, 40.0], [0.9, 0.8, 0.6]), 4)
    0.75
    """
    weights = ags_weights(shifts)
    curve = np.asarray(values, np.float64)
    if curve.shape != weights.shape or not np.isfinite(curve).all():
        raise DataError(f"values {curve.shape}: expected one finite value for each level")
    return float(weights @ curve)


def ags_over_seeds(
    shifts: Sequence[float] | NDArray[np.float64], values: Any, *, level: float = 0.95
) -> Estimate:
    """Mean AGS with a t-interval over seeds; values [seeds, L]."""
    curves = np.atleast_2d(np.asarray(values, np.float64))
    estimate = t_interval([ags(shifts, curve) for curve in curves], level=level, over="seeds")
    return estimate


def ags_bootstrap(
    shifts: Sequence[float] | NDArray[np.float64],
    values: Sequence[Any],
    labels: Sequence[Any],
    *,
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """AGS with a percentile interval, resampling the classes of every level and the seeds.

    Args:
        values: for each level the per-query values [Q_l] or [seeds, Q_l].
        labels: for each level the class names of the queries [Q_l]. Use names, not codes: a class
            that is tested on several levels is drawn equally often on all of them.
    """
    check_settings(level, resamples, average)
    weights = ags_weights(shifts)
    if not len(values) == len(labels) == len(weights):
        raise UsageError("shifts, values and labels: one entry a level each")
    groups = [class_sums(v, one) for v, one in zip(values, labels, strict=True)]
    seeds = len(groups[0].sums)
    if any(len(group.sums) != seeds for group in groups):
        raise DataError("values: every level needs the same number of seeds")
    classes = sorted({str(name) for one in labels for name in np.unique(np.asarray(one))})
    at = [_places(classes, v, one) for v, one in zip(values, labels, strict=True)]
    random = np.random.default_rng(seed)
    point = sum(w * float(g.estimate(average).mean()) for w, g in zip(weights, groups, strict=True))
    replicates = []
    for drawn in resampled_weights(len(classes), resamples, random):
        # A level none of whose classes was drawn cannot be averaged; such draws are left out. They
        # occur only where a level tests a handful of the ladder's classes.
        usable = np.all([drawn[:, places].any(axis=1) for places in at], axis=0)
        drawn = drawn[usable]
        share = random.multinomial(seeds, np.full(seeds, 1 / seeds), len(drawn)) / seeds
        total = np.zeros(len(drawn))
        for w, group, places in zip(weights, groups, at, strict=True):
            total += w * (group.statistic(drawn[:, places], average) * share).sum(axis=1)
        replicates.append(total)
    low, high = interval(np.concatenate(replicates), point, level)
    units = f"{len(classes)} classes" + (f" and {seeds} seeds" if seeds > 1 else "")
    name = f"percentile bootstrap over {units}, {resamples} resamples"
    return Estimate(float(point), low, high, level, len(classes), name)


def _places(classes: list[str], values: Any, labels: Any) -> NDArray[np.int64]:
    """Where the classes of a level, in the order of `class_sums`, stand among all classes."""
    scored = ~np.isnan(np.atleast_2d(np.asarray(values, np.float64))[0])
    names = [str(name) for name in np.unique(np.asarray(labels)[scored])]
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place[name] for name in names], np.int64)
