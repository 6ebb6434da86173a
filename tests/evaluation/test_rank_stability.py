"""Kendall's tau between levels: the point, what the interval says, and how often it covers."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from oodml.core.errors import DataError, UsageError
from oodml.core.statistics import kendall_tau
from oodml.evaluation import ClassSums, rank_stability, rank_stability_of


def test_the_point_is_tau_of_the_means_and_open_pairs_widen_the_interval():
    random = np.random.default_rng(11)
    quality = np.arange(6) * 0.02
    levels = [quality, quality, quality[::-1]]
    scores = np.stack(levels, axis=-1)[:, None, :] + 1e-5 * random.normal(size=(6, 5, 3))
    first, same, reverse = rank_stability(scores)
    assert (first.value, first.low, first.high) == (1.0, 1.0, 1.0)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert (reverse.value, reverse.low, reverse.high) == (-1.0, -1.0, -1.0)
    assert "6 methods told by t-tests over 5 seeds" in same.estimator
    noisy = rank_stability(scores + 0.05 * random.normal(size=scores.shape))[1]
    assert noisy.low < noisy.value < noisy.high
    two = rank_stability(scores[:, :2] + 0.01 * random.normal(size=(6, 2, 3)))[1]
    assert (two.low, two.high) == (-1.0, 1.0), "two seeds tell nothing"
    assert math.isnan(rank_stability(scores[:, :1])[1].low)
    with pytest.raises(DataError):
        rank_stability(scores[0])
    with pytest.raises(DataError, match="there are 3 levels"):
        rank_stability(scores, reference=3)


def test_told_orders_against_a_loop():
    """Bounds of tau from a Welch test of every pair, written out."""
    random = np.random.default_rng(3)
    scores = random.normal(size=(5, 6, 2)) * 0.02 + np.arange(5)[:, None, None] * 0.04
    found = rank_stability(scores)[1]
    low = high = 0.0
    pairs = list(combinations(range(5), 2))
    for a, b in pairs:
        signs = []
        for at in (0, 1):
            test = stats.ttest_ind(scores[a, :, at], scores[b, :, at], equal_var=False)
            told = test.pvalue < 0.05 / (2 * len(pairs))
            signs.append(np.sign(test.statistic) if told else 0)
        agree = signs[0] * signs[1]
        low += agree if agree else -1
        high += agree if agree else 1
    assert (found.low, found.high) == pytest.approx((low / len(pairs), high / len(pairs)))
    assert -1 < found.low < found.high


def sums_of(values):
    """Class values [seeds, C] of 10 queries each."""
    names = tuple(f"c{i}" for i in range(values.shape[1]))
    return ClassSums(10.0 * values, np.full(values.shape[1], 10.0), names)


def test_class_values_give_the_same_point_and_need_the_same_queries():
    random = np.random.default_rng(5)
    values = random.random((4, 3, 2, 20))  # methods, seeds, levels, classes
    methods = {m: [sums_of(values[m, :, at]) for at in (0, 1)] for m in range(4)}
    for average in ("micro", "macro"):
        found = rank_stability_of(methods, average=average)
        assert found[1].value == kendall_tau(*values.mean(axis=(1, 3)).T)
        assert found[0].low == 1
    turned = rank_stability_of(methods, higher_is_better=False)
    assert turned[1].value == found[1].value
    alone = {m: [one.mean_run() for one in sums] for m, sums in methods.items()}
    assert rank_stability_of(alone)[1].low == -1
    with pytest.raises(UsageError, match="two or more"):
        rank_stability_of({0: methods[0]})
    with pytest.raises(DataError, match="same queries"):
        rank_stability_of({0: methods[0], 1: [sums_of(values[0, :, 0, :5])] * 2})


@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize("gap", [0.003, 0.03])
def test_the_interval_covers_close_and_distant_methods(seeds, gap):
    """True orders of six methods, seen through 50 classes and some trainings."""
    random = np.random.default_rng(7)
    covered, width = 0, 0.0
    for _ in range(100):
        quality = np.stack([np.arange(6) * gap, np.arange(6) * gap + random.normal(0, gap, 6)], 1)
        values = (
            quality[:, None, :, None]
            + random.normal(0, 0.05, (6, 1, 2, 50))
            + random.normal(0, 0.005, (6, seeds, 2, 1))
            + random.normal(0, 0.02, (6, seeds, 2, 50))
        )
        one = rank_stability_of(
            {m: [sums_of(values[m, :, at]) for at in (0, 1)] for m in range(6)}
        )[1]
        covered += one.low - 1e-9 <= kendall_tau(*quality.T) <= one.high + 1e-9
        width += (one.high - one.low) / 100
    assert covered >= 95  # percentiles of resampled tau cover 0.4 at the small gap
    assert width < 2 if gap > 0.01 else width > 1.8
