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
    ClassSums,
    check_settings,
    class_sums,
    resampled_weights,
)
from oodml.evaluation.uncertainty.estimates import Estimate, t_interval
from oodml.evaluation.uncertainty.seed_draws import seed_shares, seeds_text


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
    if not len(values) == len(labels) == len(ags_weights(shifts)):
        raise UsageError("shifts, values and labels: one entry a level each")
    return ags_bootstrap_of(
        shifts,
        [class_sums(v, one) for v, one in zip(values, labels, strict=True)],
        classes=sorted({str(name) for one in labels for name in np.unique(np.asarray(one))}),
        average=average,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def ags_bootstrap_of(
    shifts: Sequence[float] | NDArray[np.float64],
    levels: Sequence[ClassSums],
    *,
    classes: Sequence[str] | None = None,
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """`ags_bootstrap` of class sums, one a level, each with the same runs (seeds).

    Args:
        classes: the names that classes are drawn from. Default: those of all levels.

    >>> easy, hard = (class_sums(v, list("aabbcc")) for v in ([1, 1, 1, 1, 1, 0], [1, 0, 1, 0, 0, 0]))
    >>> found = ags_bootstrap_of([10.0, 30.0], [easy, hard], resamples=200)
    >>> round(found.value, 4), found.estimator
    (0.5833, 'percentile bootstrap over 3 classes, 200 resamples')
    """
    check_settings(level, resamples, average)
    weights = ags_weights(shifts)
    if len(levels) != len(weights):
        raise UsageError("shifts and levels: one entry a level each")
    seeds = len(levels[0].sums)
    if any(len(one.sums) != seeds for one in levels):
        raise DataError("every level needs the same number of seeds")
    tested = {name for one in levels for name in one.names}
    names = sorted(tested) if classes is None else list(classes)
    place = {name: index for index, name in enumerate(names)}
    if tested - place.keys():
        raise UsageError(f"classes: {min(tested - place.keys())!r} of a level is missing")
    at = [np.array([place[name] for name in one.names], np.int64) for one in levels]
    random = np.random.default_rng(seed)
    point = sum(w * float(g.estimate(average).mean()) for w, g in zip(weights, levels, strict=True))
    replicates = []
    for drawn in resampled_weights(len(names), resamples, random):
        # A level none of whose classes was drawn cannot be averaged; such draws are left out. They
        # occur only where a level tests a handful of the ladder's classes.
        usable = np.all([drawn[:, places].any(axis=1) for places in at], axis=0)
        drawn = drawn[usable]
        share = seed_shares(seeds, len(drawn), random)
        total = np.zeros(len(drawn))
        for w, group, places in zip(weights, levels, at, strict=True):
            total += w * (group.statistic(drawn[:, places], average) * share).sum(axis=1)
        replicates.append(total)
    low, high = interval(np.concatenate(replicates), point, level)
    units = f"{len(names)} classes{seeds_text(seeds)}"
    name = f"percentile bootstrap over {units}, {resamples} resamples"
    return Estimate(float(point), low, high, level, len(names), name)
