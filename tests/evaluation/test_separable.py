"""Who can be told apart from the best: data where the answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import (
    ClassSums,
    adjust_p_values,
    paired_bootstrap_of,
    permutation_test_of,
    separable_from_best,
)


def sums_of(means, counts, names=None):
    """Class sums of class means [seeds, C]."""
    means = np.atleast_2d(means)
    names = names or tuple(f"c{i}" for i in range(len(counts)))
    return ClassSums(means * counts, counts, names)


@pytest.fixture
def methods():
    """Two methods apart by less than their noise, one far behind, and a copy of the first."""
    random = np.random.default_rng(0)
    counts = random.integers(5, 20, 40).astype(float)
    hard = random.normal(0.6, 0.2, 40)  # difficulty of the classes, common to all methods

    def method(gain):
        return sums_of(hard + gain + 0.03 * random.normal(size=(3, 40)), counts)

    result = {"second": method(0.0), "first": method(0.01), "far": method(-0.05)}
    return result | {"copy": result["first"]}


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_what_must_and_what_must_not_be_separable(methods, average):
    found = separable_from_best(methods, average=average, resamples=2000)
    assert list(found) == list(methods)
    assert {one.best for one in found.values()} == {"first"}
    assert [label for label, one in found.items() if one.separable] == ["far"]
    assert found["far"].p_value < 0.01
    assert found["far"].difference.high < 0
    assert "40 classes and 3 seeds" in found["far"].difference.estimator
    for same in ("first", "copy"):
        assert found[same].p_value == 1
        assert (found[same].difference.value, found[same].difference.low) == (0, 0)
    low, high = found["second"].difference.low, found["second"].difference.high
    assert low < 0 < high


def test_each_row_is_what_its_parts_say(methods):
    found = separable_from_best(methods, resamples=500, seed=3)
    labels = list(methods)
    pairs = list(combinations(labels, 2))
    p = [permutation_test_of(methods[a], methods[b], resamples=500, seed=3).p_value
         for a, b in pairs]  # fmt: skip
    adjusted = dict(zip(pairs, adjust_p_values(p), strict=True))
    for label in ("second", "far"):
        pair = (label, "first") if (label, "first") in adjusted else ("first", label)
        assert found[label].p_value == pytest.approx(adjusted[pair])
        assert found[label].difference == paired_bootstrap_of(
            methods[label], methods["first"], resamples=500, seed=3
        )


def test_lower_is_better(methods):
    turned = {label: ClassSums(-one.sums, one.counts, one.names) for label, one in methods.items()}
    found = separable_from_best(turned, higher_is_better=False, resamples=2000)
    assert [label for label, one in found.items() if one.separable] == ["far"]
    assert found["far"].best == "first"
    assert found["far"].difference.low > 0


def test_identical_methods_are_never_separable():
    one = sums_of(np.random.default_rng(1).random((2, 30)), np.full(30, 7.0))
    found = separable_from_best({f"m{i}": one for i in range(6)}, resamples=200)
    assert not any(row.separable for row in found.values())
    assert {row.best for row in found.values()} == {"m0"}


def test_equally_good_methods_are_rarely_separable():
    random = np.random.default_rng(2)
    wrong = 0
    for seed in range(100):
        hard = random.normal(size=30)
        many = {
            f"m{i}": sums_of(hard + 0.3 * random.normal(size=30), np.ones(30)) for i in range(8)
        }
        found = separable_from_best(many, resamples=1000, seed=seed)
        wrong += any(row.separable for row in found.values())
    assert wrong <= 10  # 5 expected at most; comparing with the best only, it would be about 15


def test_few_classes_cannot_separate():
    counts = np.ones(4)
    found = separable_from_best(
        {"a": sums_of(np.ones(4), counts), "b": sums_of(np.zeros(4), counts)}
    )
    assert found["b"].p_value == 2 / 16
    assert not found["b"].separable


def test_edges(methods):
    alone = separable_from_best({"only": methods["first"]}, resamples=200)["only"]
    assert (alone.best, alone.p_value, alone.separable) == ("only", 1.0, False)
    with pytest.raises(UsageError, match="at least one"):
        separable_from_best({})
    fewer = {"a": methods["first"], "b": methods["far"].mean_run()}
    with pytest.raises(UsageError, match="paired_seeds=False"):
        separable_from_best(fewer)
    assert separable_from_best(fewer, resamples=200, paired_seeds=False)["b"].separable
    other = sums_of(np.ones(3), np.ones(3))
    with pytest.raises(DataError, match="same queries"):
        separable_from_best({"a": methods["first"], "b": other})
    # Many methods: the correction over their pairs does not eat up the smallest p.
    random = np.random.default_rng(4)
    counts = np.ones(30)
    many = {f"m{i}": sums_of(random.random(30), counts) for i in range(40)}
    many["best"] = sums_of(random.random(30) + 2, counts)
    found = separable_from_best(many, resamples=1000)
    assert sum(one.separable for one in found.values()) == 40
