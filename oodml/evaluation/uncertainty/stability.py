"""Does the order of methods survive shift? Kendall's tau between levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from oodml.core.errors import DataError
from oodml.core.statistics import kendall_tau
from oodml.evaluation.uncertainty.bootstrap import interval
from oodml.evaluation.uncertainty.class_sums import check_settings
from oodml.evaluation.uncertainty.estimates import Estimate


def rank_stability(
    scores: Any,
    *,
    reference: int = 0,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Estimate]:
    """Tau between the methods' order on the reference level and on each level, with intervals.

    Args:
        scores: [methods, seeds, levels], higher is better; the order is that of the mean over
            seeds.
        reference: the level to compare with, usually the default split.

    Returns:
        One Estimate a level. The percentile interval resamples the seeds of every method (a drawn
        seed brings its scores on all levels); NaN with one seed. Tau with itself is 1 by
        definition, also in every resample.
    """
    check_settings(level, resamples, "micro")
    table = np.asarray(scores, np.float64)
    if table.ndim != 3 or table.shape[0] < 2 or not np.isfinite(table).all():
        raise DataError("scores: expected finite numbers [methods >= 2, seeds, levels]")
    methods, seeds, levels = table.shape
    if not -levels <= reference < levels:
        raise DataError(f"reference={reference}: there are {levels} levels")
    means = table.mean(axis=1).T
    point = kendall_tau(means[reference], means)
    random = np.random.default_rng(seed)
    share = random.multinomial(seeds, np.full(seeds, 1 / seeds), (resamples, methods)) / seeds
    drawn = np.einsum("rms,msl->rlm", share, table)
    tau = kendall_tau(drawn[:, [reference]], drawn)
    name = f"percentile bootstrap over {seeds} seeds of {methods} methods, {resamples} resamples"
    result = []
    for index in range(levels):
        low = high = float("nan")
        usable = tau[:, index][~np.isnan(tau[:, index])]
        if seeds > 1 and len(usable):
            low, high = interval(usable, float(point[index]), level)
        result.append(Estimate(float(point[index]), low, high, level, seeds, name))
    return result
