"""Verification metrics against loops over thresholds and pairs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from oodml.core.errors import DataError, UsageError
from oodml.evaluation import verification


@pytest.fixture(params=["smooth", "tied"])
def pairs(request):
    random = np.random.default_rng(0)
    labels = random.integers(0, 8, 80)
    rows = random.normal(size=(8, 6))[labels] + random.normal(size=(80, 6))
    if request.param == "tied":
        rows = np.sign(rows)
    first, second = random.integers(0, 80, (2, 300))
    different = first != second
    first, second = first[different], second[different]
    return rows.astype(np.float32), first, second, labels[first] == labels[second]


def scores_of(rows, first, second):
    unit = rows.astype(float) / np.linalg.norm(rows.astype(float), axis=1, keepdims=True)
    return np.round((unit[first] * unit[second]).sum(axis=1), 12)


def test_auc_tar_and_eer(pairs):
    rows, first, second, same = pairs
    scores = scores_of(rows, first, second)
    report = verification(rows, first, second, same, fars=(0.5, 0.1, 0.01, 0.0))
    assert report.auc == pytest.approx(roc_auc_score(same, scores), abs=1e-3)
    thresholds = [np.inf, *sorted(set(scores), reverse=True)]
    rates = [(np.mean(scores[~same] >= t), np.mean(scores[same] >= t)) for t in thresholds]
    for far, tar in report.tar_at_far.items():
        assert tar == pytest.approx(max(accept for false, accept in rates if false <= far))
    crossing = [max(false, 1 - accept) for false, accept in rates]
    assert report.eer <= min(crossing) + 1e-9
    assert report.eer >= max(min(false, 1 - accept) for false, accept in rates) - 1e-9
    assert (report.same_pairs, report.different_pairs) == (same.sum(), (~same).sum())


def test_ten_folds(pairs):
    rows, first, second, same = pairs
    scores = scores_of(rows, first, second)
    fold = np.random.default_rng(1).integers(0, 10, len(same))
    accuracies = []
    for one in range(10):
        rest = fold != one
        options = [np.inf, *sorted(set(scores[rest]), reverse=True)]
        best = max(options, key=lambda t: np.mean((scores[rest] >= t) == same[rest]))
        place = options.index(best)
        if place and place + 1 < len(options):
            best = (best + options[place + 1]) / 2
        accuracies.append(np.mean((scores[~rest] >= best) == same[~rest]))
    report = verification(rows, first, second, same, folds=fold)
    assert report.accuracy == pytest.approx(np.mean(accuracies))
    assert report.accuracy_std == pytest.approx(np.std(accuracies, ddof=1))
    assert report.folds == 10


def test_perfect_and_hopeless():
    rows = np.array([[1, 0], [1, 0.01], [0, 1], [0.01, 1]] * 10, np.float32)
    first = np.tile([0, 2, 0, 1], 10)
    second = np.tile([1, 3, 2, 3], 10)
    same = np.tile([True, True, False, False], 10)
    report = verification(rows, first, second, same)
    assert (report.accuracy, report.auc, report.eer) == (1.0, 1.0, 0.0)
    assert report.tar_at_far[0.001] == 1.0
    blind = verification(np.ones((40, 2)), first, second, same)
    assert (blind.auc, blind.eer) == (0.5, 0.5)


def test_errors(pairs):
    rows, first, second, same = pairs
    with pytest.raises(DataError, match="both kinds"):
        verification(rows, first, second, np.ones(len(same), bool))
    with pytest.raises(DataError, match="one entry a pair"):
        verification(rows, first[:-1], second, same)
    with pytest.raises(DataError, match="row numbers"):
        verification(rows[:20], first, second, same)
    with pytest.raises(UsageError, match="folds=1"):
        verification(rows, first, second, same, folds=1)
