"""Contingency metrics against pairs and scikit-learn; k-means against its own definition."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.cluster import KMeans

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.clustering import ami, contingency, f1_pairwise, k_means, nmi
from oodml.evaluation.clustering.seeding import spread_seeds

labellings = st.integers(2, 40).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 5), min_size=n, max_size=n)] * 2)
)


def pair_f1(labels, clusters):
    true = guessed = both = 0
    for i, j in itertools.combinations(range(len(labels)), 2):
        same, together = labels[i] == labels[j], clusters[i] == clusters[j]
        true, guessed, both = true + same, guessed + together, both + (same and together)
    return 2 * both / (true + guessed) if true + guessed else 1.0


def plain_nmi(labels, clusters):
    n = len(labels)
    rows, columns, cells = (
        Counter(labels),
        Counter(clusters),
        Counter(zip(labels, clusters, strict=True)),
    )
    shared = sum(c / n * math.log(c * n / (rows[a] * columns[b])) for (a, b), c in cells.items())
    entropy = [-sum(c / n * math.log(c / n) for c in one.values()) for one in (rows, columns)]
    return 2 * shared / sum(entropy) if sum(entropy) else 1.0


@settings(max_examples=100, deadline=None)
@given(labellings)
def test_scores_against_loops_and_scikit_learn(pair):
    labels, clusters = pair
    table = contingency(labels, clusters)
    assert table.n == len(labels)
    assert nmi(table) == pytest.approx(max(0, plain_nmi(labels, clusters)), abs=1e-9)
    assert f1_pairwise(table) == pytest.approx(pair_f1(labels, clusters))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ami(table) == pytest.approx(
            sk.adjusted_mutual_info_score(labels, clusters), abs=1e-9
        )
        if len(set(labels)) > 1 or len(set(clusters)) > 1:
            theirs = sk.normalized_mutual_info_score(labels, clusters)
            assert nmi(table) == pytest.approx(theirs, abs=1e-9)


def test_many_small_classes_against_scikit_learn():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(800), random.integers(2, 9, 800))
    clusters = np.where(
        random.random(len(labels)) < 0.7, labels, random.integers(0, 800, len(labels))
    )
    table = contingency(labels, clusters)
    assert ami(table) == pytest.approx(sk.adjusted_mutual_info_score(labels, clusters), abs=1e-9)
    assert nmi(table) == pytest.approx(sk.normalized_mutual_info_score(labels, clusters), abs=1e-9)
    shuffled = contingency(labels, random.permutation(clusters))
    assert abs(ami(shuffled)) < 0.02
    assert nmi(shuffled) > 0.6


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError):
        contingency([0, 1], [0])
    with pytest.raises(UsageError, match="clusters=4"):
        k_means(np.eye(3), 4)


def groups(n=600, k=12, dim=8, spread=0.4, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, k, n)
    rows = random.normal(size=(k, dim))[labels] + spread * random.normal(size=(n, dim))
    return rows.astype(np.float32), labels


@pytest.mark.parametrize("clusters", [1, 7, 12, 150, 600])
@pytest.mark.parametrize("memory_mib", [1, 256])
def test_the_end_is_a_fixed_point_of_lloyd(clusters, memory_mib):
    rows, _ = groups()
    found = k_means(rows, clusters, memory_mib=memory_mib)
    assert found.converged
    wide = rows.astype(np.float64)
    distance = ((wide[:, None] - found.centres[None].astype(np.float64)) ** 2).sum(2)
    own = distance[np.arange(600), found.assignment]
    assert (own <= distance.min(axis=1) + 1e-4).all()
    assert found.inertia == pytest.approx(own.sum(), abs=1e-6)
    for cluster in np.unique(found.assignment):
        mean = wide[found.assignment == cluster].mean(axis=0)
        np.testing.assert_allclose(found.centres[cluster], mean, atol=1e-5)


def test_same_path_as_plain_lloyd():
    rows, _ = groups(n=400, spread=0.9, seed=3)
    for seed in range(5):
        found = k_means(rows, 20, seed=seed)
        seeds, _, _ = spread_seeds(rows, 20, np.random.default_rng([seed, 0]), 1 << 28)
        plain = KMeans(20, init=rows[seeds].astype(np.float64), n_init=1, tol=0, algorithm="lloyd")
        plain.fit(rows.astype(np.float64))
        assert np.array_equal(found.assignment, plain.labels_)
        assert found.inertia == pytest.approx(plain.inertia_, rel=1e-5)


def test_as_good_as_scikit_learn():
    rows, labels = groups(n=1500, k=40, spread=0.5, seed=4)
    ours = np.mean([k_means(rows, 40, seed=seed).inertia for seed in range(6)])
    theirs = np.mean([KMeans(40, n_init=1, random_state=s).fit(rows).inertia_ for s in range(6)])
    assert ours < 1.03 * theirs
    best = k_means(rows, 40, restarts=5)
    assert best.inertia <= k_means(rows, 40).inertia
    assert nmi(contingency(labels, best.assignment)) > 0.9


def test_repeatable_and_every_cluster_used():
    rows, _ = groups(seed=5)
    one, two = k_means(rows, 100, seed=1), k_means(rows, 100, seed=1)
    assert np.array_equal(one.assignment, two.assignment)
    assert len(np.unique(one.assignment)) == 100


def test_fewer_distinct_points_than_clusters():
    rows = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    found = k_means(rows, 6)
    assert found.inertia == 0
    assert len(np.unique(found.assignment)) == 3
