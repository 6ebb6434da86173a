from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats

from oodml.core.statistics import kendall_tau


def test_tau_is_scipys_and_the_definitions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        a, b = rng.permutation(8), rng.integers(0, 4, 8)
        assert kendall_tau(a, b) == pytest.approx(scipy.stats.kendalltau(a, b).statistic)
        pairs = list(itertools.combinations(range(8), 2))
        concordant = sum(np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in pairs)
        untied = sum(b[i] != b[j] for i, j in pairs)
        assert kendall_tau(a, b) == pytest.approx(concordant / np.sqrt(len(pairs) * untied))


def test_tau_of_many_at_once() -> None:
    table = np.random.default_rng(1).integers(0, 5, (4, 3, 7))
    order = np.arange(7)
    expected = [[kendall_tau(order, row) for row in block] for block in table]
    np.testing.assert_array_equal(kendall_tau(order, table), expected)


def test_tau_of_constant_or_single_values_is_not_a_number() -> None:
    assert np.isnan(kendall_tau(np.arange(8), np.ones(8)))
    assert np.isnan(kendall_tau([1.0], [2.0]))
