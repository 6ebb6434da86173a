"""k-shot accuracy against plain loops, and the t-interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import episode_accuracy, t_interval
from oodml.evaluation.classifiers import list_classifiers, register_classifier, registry


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    labels = np.repeat([f"c{i}" for i in range(6)], 12)
    centres = random.normal(size=(6, 5))
    rows = centres[np.repeat(np.arange(6), 12)] * 3 + 2 * random.normal(size=(72, 5))
    support = [
        np.concatenate([random.choice(12, shots, replace=False) + 12 * c for c in chosen])
        for shots, chosen in [(1, range(6)), (3, range(6)), (5, [0, 2, 5])]
    ]
    return rows.astype(np.float32), labels, support


def by_loops(rows, labels, support, classifier):
    right = asked = 0
    for i, row in enumerate(rows):
        if i in support or labels[i] not in {labels[s] for s in support}:
            continue
        best, best_class = -math.inf, None
        if classifier == "nearest":
            for s in support:
                dot = math.fsum(float(a) * float(b) for a, b in zip(row, rows[s], strict=True))
                cosine = dot / (math.dist(row, row * 0) * math.dist(rows[s], rows[s] * 0))
                if cosine > best:
                    best, best_class = cosine, labels[s]
        else:
            for name in sorted({labels[s] for s in support}):
                members = [rows[s] for s in support if labels[s] == name]
                mean = [math.fsum(float(m[d]) for m in members) / len(members) for d in range(5)]
                if -math.dist(row, mean) > best:
                    best, best_class = -math.dist(row, mean), name
        asked += 1
        right += best_class == labels[i]
    return right / asked


def test_linear_probe_separates_what_is_linearly_separable(data):
    rows, labels, support = data
    found = episode_accuracy(rows, labels, support, classifier="linear")
    assert found[2] > 0.6
    random = np.random.default_rng(1)
    two = np.repeat([0, 1], 50)
    ring = np.stack([np.cos(x := random.uniform(0, np.pi, 100) + np.pi * two), np.sin(x)], 1)
    shots = [np.r_[0:25, 50:75]]
    linear = episode_accuracy(
        ring * random.uniform(1, 9, (100, 1)), two, shots, classifier="linear"
    )
    assert linear[0] > 0.9
    same = episode_accuracy(rows, ["a"] * 72, [[0, 1]], classifier="linear")
    assert same[0] == 1.0


@pytest.mark.parametrize("classifier", ["nearest", "prototype", "unit-prototype"])
def test_against_loops(data, classifier):
    rows, labels, support = data
    if classifier == "unit-prototype":
        # among unit vectors the nearest unit mean is the one of highest cosine
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        means = [
            {name: _unit_mean(unit, labels, s, name) for name in {labels[i] for i in s}}
            for s in support
        ]
        found = episode_accuracy(rows, labels, support, classifier=classifier)
        for accuracy, s, mean in zip(found, support, means, strict=True):
            asked = [i for i in range(len(rows)) if i not in set(s) and labels[i] in mean]
            guess = [max(mean, key=lambda name, i=i: unit[i] @ mean[name]) for i in asked]
            right = np.mean([labels[i] == g for i, g in zip(asked, guess, strict=True)])
            assert accuracy == pytest.approx(right, abs=1e-12)
        return
    found = episode_accuracy(rows, labels, support, classifier=classifier)
    expected = [by_loops(rows, labels, set(map(int, s)), classifier) for s in support]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.max() > 0.4


def _unit_mean(unit, labels, support, name):
    mean = np.mean([unit[i] for i in support if labels[i] == name], axis=0)
    return mean / np.linalg.norm(mean)


def test_a_probe_is_less_penalised_than_the_linear_classifier(data):
    """On vectors close together C = 1 hardly moves from the mean; C = 100 tells them apart."""
    rows, labels, support = data
    close = rows / np.linalg.norm(rows, axis=1, keepdims=True) + 20.0
    probe, linear = (
        episode_accuracy(close, labels, support, classifier=name).mean()
        for name in ("probe", "linear")
    )
    assert probe >= linear


def test_given_queries_and_errors(data):
    rows, labels, support = data
    asked = [np.array([i for i in range(72) if i not in set(s)])[:7] for s in support[:2]]
    found = episode_accuracy(rows, labels, support[:2], query=asked)
    assert found.shape == (2,)
    for wrong, message in [
        ([[0, 0]], "a row stands twice"),
        ([[72]], r"lie in 0\.\.71"),
        ([[]], "non-empty list"),
        ([list(range(72))], "no image is left"),
    ]:
        with pytest.raises(DataError, match=message):
            episode_accuracy(rows, labels, wrong)
    with pytest.raises(DataError, match="both support and query"):
        episode_accuracy(rows, labels, [[0, 1]], query=[[1, 2]])
    with pytest.raises(UsageError, match="classifier 'svm'"):
        episode_accuracy(rows, labels, support, classifier="svm")


def test_nearest_ignores_the_length_of_vectors_and_prototype_does_not(data):
    rows, labels, support = data
    longer = rows * np.linspace(1, 9, 72)[:, None].astype(np.float32)
    near = [episode_accuracy(x, labels, support) for x in (rows, longer)]
    np.testing.assert_array_equal(*near)
    proto = [episode_accuracy(x, labels, support, classifier="prototype") for x in (rows, longer)]
    assert (proto[0] != proto[1]).any()


def test_t_interval():
    values = [0.61, 0.64, 0.58, 0.66, 0.6]
    estimate = t_interval(values, over="seeds")
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert (estimate.n, estimate.estimator) == (5, "t over 5 seeds")
    assert math.isnan(t_interval([0.5]).half_width)
    with pytest.raises(UsageError):
        t_interval([])


def test_a_classifier_of_ones_own(data, monkeypatch):
    rows, labels, support = data
    assert {"linear", "nearest", "prototype"} < set(list_classifiers())
    monkeypatch.setattr(registry._classifiers, "_entries", dict(registry._classifiers._entries))

    class Always:
        width = 1

        def __init__(self, code):
            self.code = code

        def __call__(self, rows):
            return np.full(len(rows), self.code)

    @register_classifier("first-class")
    def first_class(rows, codes):
        return Always(codes[0])

    found = episode_accuracy(rows, labels, support, classifier="first-class")
    assert found[0] == pytest.approx(1 / 6)  # six classes of as many queries
    with pytest.raises(UsageError, match="did you mean nearest"):
        episode_accuracy(rows, labels, support, classifier="nearst")
