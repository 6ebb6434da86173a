"""Intervals and tests against loops, scipy, and repeated experiments."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import trapezoid

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import evaluate
from oodml.evaluation.uncertainty import (
    adjust_p_values,
    ags,
    ags_bootstrap,
    ags_over_seeds,
    ags_weights,
    bootstrap_intervals,
    kendall_tau,
    paired_bootstrap,
    permutation_test,
)
from oodml.evaluation.uncertainty.class_sums import class_sums, resampled_weights


@pytest.fixture
def scores():
    """Uneven classes whose queries agree with each other."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(25), random.integers(2, 30, 25))
    chance = random.beta(2, 1, 25)
    return (random.random(len(labels)) < chance[labels]).astype(float), labels


def test_resamples_are_draws_with_replacement():
    weights = np.concatenate(list(resampled_weights(7, 5000, np.random.default_rng(0))))
    assert weights.shape == (5000, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert np.allclose(weights.mean(axis=0), 1, atol=0.06)
    assert np.allclose(weights.var(axis=0), 6 / 7, atol=0.08)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_percentile_interval_against_a_loop(scores, average):
    values, labels = scores
    found = bootstrap_intervals(
        {"m": values}, labels, method="percentile", average=average, resamples=400, seed=3
    )["m"]
    replicates = []
    for weights in np.concatenate(list(resampled_weights(25, 400, np.random.default_rng(3)))):
        drawn = [c for c in range(25) for _ in range(int(weights[c]))]
        if average == "micro":
            replicates.append(np.concatenate([values[labels == c] for c in drawn]).mean())
        else:
            replicates.append(np.mean([values[labels == c].mean() for c in drawn]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(replicates, [0.025, 0.975])))
    means = [values[labels == c].mean() for c in range(25)]
    assert found.value == pytest.approx(values.mean() if average == "micro" else np.mean(means))
    assert found.n == 25
    assert found.estimator == "percentile bootstrap over 25 classes, 400 resamples"


def test_bca_against_scipy(scores):
    values, labels = scores
    ours = bootstrap_intervals({"m": values}, labels, resamples=40_000)["m"]
    sums = np.array([values[labels == c].sum() for c in range(25)])
    counts = np.array([(labels == c).sum() for c in range(25)], float)
    theirs = stats.bootstrap(
        (sums, counts), lambda s, n, axis: s.sum(axis) / n.sum(axis), paired=True,
        n_resamples=40_000, method="BCa", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)
    plain = bootstrap_intervals({"m": values}, labels, method="percentile", resamples=40_000)["m"]
    assert ours.low != plain.low


def test_intervals_cover_and_query_resampling_would_not():
    random = np.random.default_rng(1)
    covered = width = 0
    truth = 2 / 3  # mean of beta(2, 1)
    for _ in range(300):
        labels = np.repeat(np.arange(40), 12)
        values = (random.random(480) < random.beta(2, 1, 40)[labels]).astype(float)
        one = bootstrap_intervals({"m": values}, labels, resamples=600)["m"]
        covered += one.low <= truth <= one.high
        width += one.high - one.low
    assert 0.90 <= covered / 300 <= 0.98
    independent = 2 * 1.96 * math.sqrt(truth * (1 - truth) / 480)
    assert width / 300 > 1.5 * independent


def test_constant_and_single_class():
    labels = np.array([0, 0, 1, 1, 2])
    one = bootstrap_intervals({"m": np.ones(5)}, labels)["m"]
    assert (one.low, one.high) == (1.0, 1.0)
    alone = bootstrap_intervals({"m": [0.0, 1.0]}, [0, 0])["m"]
    assert alone.value == 0.5
    assert math.isnan(alone.low)
    with_gaps = bootstrap_intervals({"m": [1, np.nan, 0, 1, 1]}, labels, resamples=100)["m"]
    assert with_gaps.value == 0.75
    with pytest.raises(UsageError, match="level=95"):
        bootstrap_intervals({"m": np.ones(5)}, labels, level=95)


def test_report_intervals_and_groups():
    random = np.random.default_rng(2)
    labels = np.arange(90) % 9
    rows = random.normal(size=(9, 5))[labels] + random.normal(size=(90, 5))
    report = evaluate(rows, labels)
    intervals = report.intervals(resamples=500)
    for name, one in intervals.items():
        assert one.low <= report.metrics[name] <= one.high
        assert one.value == pytest.approx(report.metrics[name])
    assert report.intervals(average="macro", resamples=500)["map_at_r"].value == pytest.approx(
        report.macro["map_at_r"]
    )
    groups = {str(c): "odd" if c % 2 else "even" for c in range(9)}
    found = report.per_group("recall_at_1", groups)
    hits = report.per_query("recall_at_1")
    assert found == pytest.approx({
        "even": hits[labels % 2 == 0].mean(), "odd": hits[labels % 2 == 1].mean()
    })  # fmt: skip
    with pytest.raises(UsageError, match="no group for class '3'"):
        report.per_group("recall_at_1", {k: v for k, v in groups.items() if k != "3"})


def test_paired_bootstrap_against_a_loop(scores):
    values, labels = scores
    other = np.where(labels % 3 == 0, 1 - values, values)
    found = paired_bootstrap(values, other, labels, resamples=300, seed=5)
    replicates = []
    for weights in np.concatenate(list(resampled_weights(25, 300, np.random.default_rng(5)))):
        drawn = np.concatenate(
            [np.flatnonzero(labels == c) for c in range(25) for _ in range(int(weights[c]))]
        )
        replicates.append(values[drawn].mean() - other[drawn].mean())
    # The generator also draws the weight of the one seed, after the classes: nothing changes.
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(replicates, [0.025, 0.975])))
    assert found.value == pytest.approx(values.mean() - other.mean())


def test_paired_bootstrap_over_seeds_is_wider():
    random = np.random.default_rng(6)
    labels = np.repeat(np.arange(60), 10)
    shift = np.array([-0.2, 0.0, 0.2])[:, None]
    first = random.random((3, 600)) + 0.1 + shift
    second = random.random((3, 600))
    seeds = paired_bootstrap(first, second, labels, resamples=2000)
    averaged = paired_bootstrap(first.mean(0), second.mean(0), labels, resamples=2000)
    assert seeds.value == pytest.approx(averaged.value)
    assert seeds.half_width > 3 * averaged.half_width
    assert "60 classes and 3 seeds" in seeds.estimator
    with pytest.raises(UsageError, match="paired_seeds=False"):
        paired_bootstrap(first, second[:2], labels)
    assert (
        "3 \\+ 2".replace("\\", "")
        in paired_bootstrap(first, second[:2], labels, resamples=200, paired_seeds=False).estimator
    )
    with pytest.raises(DataError, match="same queries"):
        paired_bootstrap(first[:, :-10], np.where(np.arange(590) < 5, np.nan, 0.5), labels[:-10])


def test_permutation_by_all_flips():
    random = np.random.default_rng(7)
    labels = np.repeat(np.arange(6), [3, 1, 4, 2, 5, 2])
    first, second = random.random(17), random.random(17) - 0.2
    for average in ("micro", "macro"):
        stat = []
        for flips in itertools.product([0, 1], repeat=6):
            a = np.where(np.array(flips)[labels] == 1, second, first)
            b = np.where(np.array(flips)[labels] == 1, first, second)
            if average == "micro":
                stat.append(abs(a.mean() - b.mean()))
            else:
                stat.append(abs(np.mean([(a - b)[labels == c].mean() for c in range(6)])))
        expected = np.mean(np.array(stat) >= stat[0] - 1e-12)
        found = permutation_test(first, second, labels, average=average)
        assert found.p_value == pytest.approx(expected)
    assert found.test == "exact paired permutation over classes"


def test_permutation_sampled_and_over_seeds():
    random = np.random.default_rng(8)
    labels = np.repeat(np.arange(40), 5)
    same = permutation_test(random.random(200), random.random(200), labels)
    better = permutation_test(random.random(200) + 0.3, random.random(200), labels)
    assert same.p_value > 0.05
    assert better.p_value < 0.001
    assert same.n == 40
    seeds = permutation_test(
        random.random((3, 200)) + 1, random.random((3, 200)), labels, over="seeds"
    )
    assert seeds.p_value == 0.25  # the least that 3 seeds can show
    p = [permutation_test(random.random(60), random.random(60), labels[:60], resamples=200).p_value
         for _ in range(200)]  # fmt: skip
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.10


def test_corrections():
    p = [0.01, 0.02, 0.03, 0.5]
    np.testing.assert_allclose(adjust_p_values(p), [0.04, 0.06, 0.06, 0.5])
    np.testing.assert_allclose(adjust_p_values(p, "bonferroni"), [0.04, 0.08, 0.12, 1.0])
    np.testing.assert_allclose(adjust_p_values(p, "bh"), stats.false_discovery_control(p))
    assert adjust_p_values([]).tolist() == []
    with pytest.raises(UsageError):
        adjust_p_values([1.2])


def test_ags_reproduces_published_bars():
    # Cars196, S2SD and ArcFace: curves and bars measured from the ooDML figures (+-0.05).
    shifts = [8.59, 14.33, 32.18, 43.58, 63.29, 86.48, 101.17, 123.03]
    s2sd = [87.9, 86.8, 85.6, 83.2, 80.5, 77.4, 74.7, 72.6]
    arcface = [81.7, 81.6, 79.5, 77.1, 74.9, 69.3, 66.1, 62.6]
    assert ags(shifts, s2sd) == pytest.approx(80.17, abs=0.05)
    assert ags(shifts, arcface) == pytest.approx(73.18, abs=0.05)
    scaled = (np.array(shifts) - 8.59) / (123.03 - 8.59)
    assert ags(shifts, s2sd) == pytest.approx(trapezoid(s2sd, scaled))
    order = np.random.default_rng(0).permutation(8)
    assert ags(np.array(shifts)[order], np.array(s2sd)[order]) == pytest.approx(ags(shifts, s2sd))
    assert ags_weights(shifts).sum() == pytest.approx(1)
    for wrong in ([1.0], [2.0, 2.0], [1.0, np.nan]):
        with pytest.raises(DataError):
            ags_weights(wrong)


def test_ags_intervals():
    random = np.random.default_rng(9)
    shifts = [1.0, 2.0, 5.0]
    curves = 0.8 - 0.1 * np.arange(3) + 0.01 * random.normal(size=(5, 3))
    over_seeds = ags_over_seeds(shifts, curves)
    assert over_seeds.value == pytest.approx(np.mean([ags(shifts, c) for c in curves]))
    assert over_seeds.n == 5
    labels = [[f"c{i}" for i in np.repeat(np.arange(a, a + 20), 5)] for a in (0, 5, 10)]
    values = [(random.random((2, 100)) < p).astype(float) for p in (0.9, 0.8, 0.6)]
    one = ags_bootstrap(shifts, values, labels, resamples=2000)
    assert one.value == pytest.approx(ags(shifts, [v.mean() for v in values]))
    assert one.low < one.value < one.high
    assert one.n == 30
    # With every level the same classes and values, the interval is that of one level.
    same = ags_bootstrap(shifts, [values[0][0]] * 3, [labels[0]] * 3, resamples=4000)
    level = bootstrap_intervals(
        {"m": values[0][0]}, labels[0], method="percentile", resamples=4000
    )["m"]
    assert (same.low, same.high) == pytest.approx((level.low, level.high))


def test_kendall_tau_against_scipy():
    random = np.random.default_rng(10)
    for _ in range(30):
        a, b = random.integers(0, 5, (2, 8)).astype(float)
        assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, nan_ok=True)
    assert math.isnan(kendall_tau(np.ones(3), np.arange(3.0)))


def test_class_sums_refuses_what_does_not_fit():
    with pytest.raises(DataError, match="do not fit"):
        class_sums([1.0, 2.0], [0])
    with pytest.raises(DataError, match="same queries"):
        class_sums([[1.0, np.nan], [1.0, 1.0]], [0, 1])
    with pytest.raises(DataError, match="no scored"):
        class_sums([np.nan], [0])


@pytest.mark.parametrize(("seeds", "least"), [(2, 0.87), (5, 0.92)])
def test_the_paired_interval_covers_with_few_seeds(seeds, least):
    """Trainings that differ about as much as the mean over classes does."""
    random = np.random.default_rng(12)
    labels, covered = np.arange(50), 0
    for seed in range(200):
        gap = (
            0.02 + random.normal(0, 0.05, 50) + random.normal(0, 0.01, (seeds, 1))
            + random.normal(0, 0.03, (seeds, 50))
        )  # fmt: skip
        one = paired_bootstrap(gap, np.zeros((seeds, 50)), labels, resamples=400, seed=seed)
        covered += one.low <= 0.02 <= one.high
    assert least <= covered / 200 <= 0.99
