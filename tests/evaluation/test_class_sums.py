"""Class sums are enough: what is made of them equals what is made of per-query values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import (
    ClassSums,
    ags_bootstrap,
    ags_bootstrap_of,
    bootstrap_intervals,
    bootstrap_intervals_of,
    evaluate,
    paired_bootstrap,
    paired_bootstrap_of,
    permutation_test,
    permutation_test_of,
    stack_runs,
)
from oodml.evaluation.uncertainty import class_sums
from oodml.evaluation.uncertainty.class_sums import resampled_weights

AVERAGES = ["micro", "macro"]


@pytest.fixture
def runs():
    """Two methods of three seeds on uneven classes, some queries not scored."""
    random = np.random.default_rng(0)
    labels = np.repeat([f"c{i}" for i in range(20)], random.integers(2, 12, 20))
    first, second = random.random((2, 3, len(labels)))
    missing = (random.random(len(labels)) < 0.1) | (labels == "c7")
    first[:, missing] = second[:, missing] = np.nan
    return first, second, labels


@pytest.mark.parametrize("average", AVERAGES)
def test_equal_to_per_query_values(runs, average):
    first, second, labels = runs
    left, right = class_sums(first, labels), class_sums(second, labels)
    options = {"average": average, "resamples": 300, "seed": 4}
    assert paired_bootstrap_of(left, right, **options) == paired_bootstrap(
        first, second, labels, **options
    )
    assert paired_bootstrap_of(
        left, class_sums(second[:2], labels), paired_seeds=False, **options
    ) == paired_bootstrap(first, second[:2], labels, paired_seeds=False, **options)
    for over in ("classes", "seeds"):
        assert permutation_test_of(left, right, over=over, **options) == permutation_test(
            first, second, labels, over=over, **options
        )
    alone = class_sums(first[0], labels)
    assert bootstrap_intervals_of({"m": alone}, **options) == bootstrap_intervals(
        {"m": first[0]}, labels, **options
    )
    scored = labels[~np.isnan(first[0])]
    levels = [first[:, labels != "c7"], second[:, labels != "c7"]]
    names = labels[labels != "c7"]
    assert set(scored) == set(names)
    assert ags_bootstrap_of([1.0, 3.0], [left, right], **options) == ags_bootstrap(
        [1.0, 3.0], levels, [names, names], **options
    )


@pytest.mark.parametrize("average", AVERAGES)
def test_permutation_by_enumeration_in_plain_python(average):
    random = np.random.default_rng(1)
    counts = [3, 1, 4, 2, 5]
    sums = [[random.random() * n for n in counts] for _ in range(2)]
    first, second = (
        ClassSums(np.array([one]), np.array(counts, float), tuple("abcde")) for one in sums
    )
    statistics = []
    for flips in itertools.product([False, True], repeat=5):
        a = [sums[flip][c] for c, flip in enumerate(flips)]
        b = [sums[not flip][c] for c, flip in enumerate(flips)]
        if average == "micro":
            statistics.append(abs(sum(a) - sum(b)) / sum(counts))
        else:
            gaps = [(x - y) / n for x, y, n in zip(a, b, counts, strict=True)]
            statistics.append(abs(sum(gaps)) / 5)
    expected = sum(one >= statistics[0] - 1e-12 for one in statistics) / 32
    found = permutation_test_of(first, second, average=average)
    assert found.p_value == expected
    assert found.test == "exact paired permutation over classes"


@pytest.mark.parametrize("average", AVERAGES)
def test_ags_by_a_loop_over_queries(average):
    """The same draws of classes and seeds, averaged query by query."""
    random = np.random.default_rng(2)
    shifts = [2.0, 10.0, 4.0]
    weights = [0.125, 0.375, 0.5]  # the trapezoid rule at 0, 1 and 1/4
    labels = [np.repeat(np.arange(a, a + 6), random.integers(1, 5, 6)) for a in (0, 3, 6)]
    labels = [np.array([f"c{code:02d}" for code in one]) for one in labels]
    values = [random.random((2, len(one))) for one in labels]
    found = ags_bootstrap_of(
        shifts,
        [class_sums(v, one) for v, one in zip(values, labels, strict=True)],
        average=average,
        resamples=200,
        seed=6,
    )

    def mean(level, run, times):
        """The level's average when class c is taken times[c] times."""
        classes = [c for c in sorted(set(labels[level])) for _ in range(int(times[c]))]
        parts = [values[level][run][labels[level] == c] for c in classes]
        if average == "micro":
            return np.concatenate(parts).mean()
        return np.mean([part.mean() for part in parts])

    names = sorted(set(np.concatenate(labels)))
    draws = np.random.default_rng(6)
    drawn = np.concatenate(list(resampled_weights(len(names), 200, draws)))
    everywhere = [
        times
        for times in (dict(zip(names, row, strict=True)) for row in drawn)
        if all(any(times[c] for c in set(one)) for one in labels)
    ]
    shares = draws.multinomial(1, [0.5, 0.5], len(everywhere))  # one of two seeds
    replicates = [
        sum(
            weights[level] * share[run] * mean(level, run, times)
            for level in range(3)
            for run in range(2)
        )
        for times, share in zip(everywhere, shares, strict=True)
    ]
    once = dict.fromkeys(names, 1)
    point = sum(
        weights[level] * np.mean([mean(level, run, once) for run in range(2)]) for level in range(3)
    )
    assert found.value == pytest.approx(point)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(replicates, [0.025, 0.975])))


def test_report_gives_them():
    random = np.random.default_rng(3)
    labels = np.concatenate([np.repeat([11, 2, 7], [4, 6, 3]), [5]])  # 5 is alone: not scored
    report = evaluate(random.normal(size=(14, 4)), labels, ["map_at_r", "recall_at_1"])
    found = report.class_sums("map_at_r")
    assert found.names == ("2", "7", "11")
    assert found.counts.tolist() == [6, 3, 4]
    means = report.per_class("map_at_r")
    np.testing.assert_allclose(found.sums[0] / found.counts, [means[name] for name in found.names])
    assert found.estimate("micro")[0] == pytest.approx(report.metrics["map_at_r"])
    assert found.estimate("macro")[0] == pytest.approx(report.macro["map_at_r"])
    intervals = bootstrap_intervals_of(
        {name: report.class_sums(name) for name in report.macro}, resamples=200
    )
    assert intervals == report.intervals(resamples=200)
    with pytest.raises(UsageError, match="no values by query"):
        report.class_sums("mrr")


def test_runs_are_put_together_by_class_name():
    one = ClassSums(np.array([[1.0, 2.0]]), np.array([3.0, 4.0]), ("b", "a"))
    other = ClassSums(np.array([[5.0, 6.0]]), np.array([4.0, 3.0]), ("a", "b"))
    both = stack_runs([one, other])
    assert both.names == ("b", "a")
    assert both.sums.tolist() == [[1.0, 2.0], [6.0, 5.0]]
    assert both.mean_run().sums.tolist() == [[3.5, 3.5]]
    with pytest.raises(UsageError):
        stack_runs([])


def test_refuses_other_queries_and_what_does_not_fit():
    one = ClassSums(np.array([[1.0, 2.0]]), np.array([3.0, 4.0]), ("a", "b"))
    for names, counts in [(("a", "c"), [3.0, 4.0]), (("a", "b"), [3.0, 5.0])]:
        other = ClassSums(one.sums, np.array(counts), names)
        for compare in (paired_bootstrap_of, permutation_test_of):
            with pytest.raises(DataError, match="same queries"):
                compare(one, other)
    # Two classes of as many queries, each scored by one method only.
    with pytest.raises(DataError, match="same queries"):
        permutation_test([1, 1, np.nan, np.nan], [np.nan, np.nan, 1, 1], list("aabb"))
    wrong = [
        (np.ones(2), np.ones(2), ("a", "b"), "expected"),
        (np.ones((1, 2)), np.ones(3), ("a", "b"), "expected"),
        (np.ones((1, 2)), np.ones(2), ("a", "a"), "stands twice"),
        (np.ones((1, 2)), np.array([1.0, 0.0]), ("a", "b"), "at least one query"),
        (np.array([[1.0, np.nan]]), np.ones(2), ("a", "b"), "finite"),
    ]
    for sums, counts, names, message in wrong:
        with pytest.raises(DataError, match=message):
            ClassSums(sums, counts, names)
    with pytest.raises(UsageError, match="'b' of a level is missing"):
        ags_bootstrap_of([1.0, 2.0], [one, one], classes=["a"])
    with pytest.raises(DataError, match="number of seeds"):
        ags_bootstrap_of([1.0, 2.0], [one, stack_runs([one, one])])
