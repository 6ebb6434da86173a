"""Does the order of methods survive shift? Kendall's tau between levels.

Resampling does not give tau an interval: where methods lie close together, resampled orders are
more mixed than the true ones, and percentiles cover 0.4 of the time instead of 0.95, with many
seeds as well. So the interval is made of what is known of each pair of methods: a pair whose order
is told on both levels counts as it is, any other may go either way.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.statistics import kendall_tau
from oodml.evaluation.uncertainty.class_sums import Average, ClassSums, check_settings
from oodml.evaluation.uncertainty.estimates import Estimate

Floats = NDArray[np.float64]


def rank_stability(scores: Any, *, reference: int = 0, level: float = 0.95) -> list[Estimate]:
    """Tau between the methods' order on the reference level and on each level, with intervals.

    The intervals are over seeds: would other trainings give the same orders on *these* test
    classes? `rank_stability_of` asks about other classes too.

    Args:
        scores: [methods, seeds, levels], higher is better; the order is that of the mean over
            seeds.
        reference: the level to compare with, usually the default split.

    Returns:
        One Estimate a level; NaN for an interval with one seed. An interval is all taus that are
        possible where only the pairs count that a t-test over seeds tells apart, Bonferroni's
        correction made for all pairs and both levels: it covers at least as often as it says, and
        with two or three seeds it says next to nothing. Tau with itself is 1 by definition.
    """
    check_settings(level, 100, "micro")
    table = np.asarray(scores, np.float64)
    if table.ndim != 3 or table.shape[0] < 2 or not np.isfinite(table).all():
        raise DataError("scores: expected finite numbers [methods >= 2, seeds, levels]")
    methods, seeds, _levels = table.shape
    left, right = np.triu_indices(methods, 1)
    means = table.mean(axis=1).T  # [L, M]
    parts: list[tuple[Floats, float]] = []
    if seeds > 1:
        of_mean = table.var(axis=1, ddof=1).T / seeds
        parts = [(of_mean[:, left], seeds - 1), (of_mean[:, right], seeds - 1)]
    known = _told_orders(means, parts, level)
    name = f"orders of {methods} methods told by t-tests over {seeds} seeds, Bonferroni"
    return _estimates(means, known, reference, level, seeds, name)


def rank_stability_of(
    methods: Mapping[Hashable, Sequence[ClassSums]],
    *,
    reference: int = 0,
    average: Average = "micro",
    level: float = 0.95,
    higher_is_better: bool = True,
) -> list[Estimate]:
    """`rank_stability` of class sums, over test classes and, where there are several, seeds.

    The variance of a difference of two methods is that of its class values plus those of the
    methods' means over seeds; degrees of freedom by Satterthwaite. With one seed trainings are
    taken as given.

    Args:
        methods: label -> class sums [seeds, C] for each level, of the same queries on a level.

    >>> names, counts = tuple("abcdef"), np.full(6, 10.0)
    >>> good, bad = (ClassSums(np.array([x]), counts, names) for x in
    ...              ([8.0, 9, 8, 7, 9, 8], [2.0, 3, 2, 2, 3, 2]))
    >>> [(e.value, e.low, e.high) for e in rank_stability_of({1: [good, good], 2: [bad, bad]})]
    [(1.0, 1.0, 1.0), (1.0, 1.0, 1.0)]
    """
    check_settings(level, 100, average)
    if len(methods) < 2 or len({len(one) for one in methods.values()}) != 1:
        raise UsageError("methods: expected two or more with equally many levels")
    by_level = [list(one) for one in zip(*methods.values(), strict=True)]
    means, known, classes = [], [], []
    for sums in by_level:
        fitted = [one.fitted_to(sums[0]) for one in sums]
        mean, parts = _class_parts(fitted, average)
        means.append(mean if higher_is_better else -mean)
        known.append(_told_orders(means[-1][None], parts, level)[0])
        classes.append(len(sums[0].names))
    n = min(classes)
    name = (
        f"orders of {len(methods)} methods told by t-tests over {n} classes and seeds, Bonferroni"
    )
    return _estimates(np.stack(means), np.stack(known), reference, level, n, name)


def _class_parts(
    sums: Sequence[ClassSums], average: Average
) -> tuple[Floats, list[tuple[Floats, float]]]:
    """Means [M] of a level; of each pair's difference the variances [1, P] with their freedom."""
    counts = sums[0].counts if average == "micro" else np.ones(len(sums[0].counts))
    scale = np.ones(len(counts)) if average == "micro" else sums[0].counts
    left, right = np.triu_indices(len(sums), 1)
    by_class = np.stack([one.sums.mean(axis=0) / scale for one in sums])  # [M, C]
    gap = by_class[left] - by_class[right]
    rest = gap - np.outer(gap.sum(axis=1) / counts.sum(), counts)
    size = len(counts)
    of_classes = (rest**2).sum(axis=1) * size / max(1, size - 1) / counts.sum() ** 2
    if size < 2:
        of_classes[:] = np.inf
    parts: list[tuple[Floats, float]] = [(of_classes[None], max(1, size - 1))]
    runs = [(one.sums / scale).sum(axis=1) / counts.sum() for one in sums]
    of_seeds = np.array([one.var(ddof=1) / len(one) if len(one) > 1 else 0.0 for one in runs])
    freedom = min((len(one) - 1 for one in runs if len(one) > 1), default=1)
    parts += [(of_seeds[None, left], freedom), (of_seeds[None, right], freedom)]
    return by_class.sum(axis=1) / counts.sum(), parts


def _told_orders(means: Floats, parts: Sequence[tuple[Floats, float]], level: float) -> Floats:
    """Sign of each pair's difference where it is told, else 0: means [L, M] -> [L, P].

    Args:
        parts: variances of the difference that add up, each [L, P], with degrees of freedom; none
            where nothing is known.
    """
    from scipy import stats

    left, right = np.triu_indices(means.shape[1], 1)
    gap = means[:, left] - means[:, right]
    if not parts:
        return np.full(gap.shape, np.nan)
    variance = np.sum([one for one, _ in parts], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / np.sum([one**2 / df for one, df in parts], axis=0)
    freedom = np.where(np.isfinite(freedom), freedom, 1.0)  # variance 0 or without bound
    # two-sided, for all pairs on two levels
    tail = (1 - level) / 2 / (2 * len(left))
    return np.where(
        np.abs(gap) > stats.t.ppf(1 - tail, freedom) * np.sqrt(variance), np.sign(gap), 0
    )


def _estimates(
    means: Floats, known: Floats, reference: int, level: float, n: int, name: str
) -> list[Estimate]:
    levels = len(means)
    if not -levels <= reference < levels:
        raise DataError(f"reference={reference}: there are {levels} levels")
    result = []
    for index, point in enumerate(kendall_tau(means[reference], means)):
        if index == reference % levels:
            result.append(Estimate(float(point), float(point), float(point), level, n, name))
            continue
        agree = known[reference] * known[index]
        open_pairs = np.where(np.isnan(agree), np.nan, agree == 0).sum()
        low, high = ((agree.sum() + side * open_pairs) / len(agree) for side in (-1, 1))
        # with ties tau-b has another scale; the point is always possible
        low, high = (low, high) if np.isnan(point) else (min(low, point), max(high, point))
        result.append(Estimate(float(point), float(low), float(high), level, n, name))
    return result
