"""k-shot accuracy: classify queries by a few labelled support images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.inputs.pairing import list_labels
from oodml.evaluation.inputs.prepare import as_matrix

_BLOCK_BYTES = 64 << 20


def episode_accuracy(
    embeddings: Any,
    labels: Sequence[Any] | NDArray[Any],
    support: Sequence[Sequence[int] | NDArray[np.int64]],
    *,
    query: Sequence[Sequence[int] | NDArray[np.int64]] | None = None,
    classifier: str = "nearest",
) -> NDArray[np.float64]:
    """Share of queries classified right in each episode: float64 [episodes].

    Args:
        embeddings: [N, D], NumPy or torch.
        labels: [N].
        support: for each episode the row indices of its support images.
        query: for each episode the rows to classify. Default: every other row of the classes that
            are in the support.
        classifier: "nearest" takes the class of the support image with the highest cosine (Scott et
            al. 2018, Adapted Deep Embeddings, histogram loss); "prototype" the class whose mean of
            the given, un-normalised vectors is nearest in squared Euclidean distance (Snell et al.
            2017); "linear" is a logistic regression on unit vectors (C = 1, as in Tian et al. 2020).
            Ties go to the earlier support image, or to the class that comes first in it.

    Computed in float64. Raises DataError for rows out of range, an episode without support or
    queries, or an image that is both support and query.
    """
    if classifier not in _CLASSIFIERS:
        raise UsageError(f"classifier {classifier!r}: expected {' or '.join(_CLASSIFIERS)}")
    matrix = as_matrix(embeddings, "embeddings")
    names = list_labels(labels)
    if len(names) != len(matrix):
        raise DataError(f"labels: {len(names)} labels for {len(matrix)} rows")
    codes = np.unique(np.array(names), return_inverse=True)[1]
    if query is not None and len(query) != len(support):
        raise DataError(f"query: {len(query)} episodes, support has {len(support)}")
    accuracies = np.empty(len(support))
    for episode, chosen in enumerate(support):
        shots = _rows(chosen, len(matrix), f"support of episode {episode}")
        if query is None:
            asked = _complement(codes, shots)
        else:
            asked = _rows(query[episode], len(matrix), f"query of episode {episode}")
        if not len(asked):
            raise DataError(f"episode {episode}: no image is left to classify")
        if len(np.intersect1d(asked, shots)):
            raise DataError(f"episode {episode}: an image is both support and query")
        accuracies[episode] = _accuracy(matrix, codes, shots, asked, classifier)
    return accuracies


@dataclass(frozen=True)
class _Scorer:
    """The class of a query x is ``codes[argmax(weights @ x + bias)]``."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    codes: NDArray[np.int64]
    unit_queries: bool


def _accuracy(
    matrix: NDArray[Any],
    codes: NDArray[np.int64],
    shots: NDArray[np.int64],
    asked: NDArray[np.int64],
    classifier: str,
) -> float:
    scorer = _CLASSIFIERS[classifier](matrix[shots].astype(np.float64), codes[shots])
    step = max(1, _BLOCK_BYTES // (8 * (len(scorer.bias) + matrix.shape[1])))
    right = 0
    for start in range(0, len(asked), step):
        block = asked[start : start + step]
        rows = matrix[block].astype(np.float64)
        if scorer.unit_queries:
            rows = _unit(rows)
        scores = rows @ scorer.weights.T + scorer.bias
        right += int((scorer.codes[scores.argmax(axis=1)] == codes[block]).sum())
    return right / len(asked)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length == 0, 1.0, length)


def _nearest(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> _Scorer:
    return _Scorer(_unit(rows), np.zeros(len(rows)), codes, unit_queries=True)


def _prototypes(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> _Scorer:
    classes, first, member = np.unique(codes, return_index=True, return_inverse=True)
    means = np.zeros((len(classes), rows.shape[1]))
    np.add.at(means, member, rows)
    means /= np.bincount(member)[:, None]
    order = np.argsort(first)
    means = means[order]
    # |x - m|^2 and |m|^2 - 2 x.m order the classes alike.
    return _Scorer(means, -0.5 * (means**2).sum(axis=1), classes[order], unit_queries=False)


def _linear_probe(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> _Scorer:
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(codes)
    if len(classes) == 1:
        return _Scorer(np.zeros((1, rows.shape[1])), np.zeros(1), classes, unit_queries=True)
    model = LogisticRegression(C=1.0, max_iter=1000).fit(_unit(rows), codes)
    weights, bias = model.coef_, model.intercept_
    if len(classes) == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return _Scorer(weights, bias, model.classes_, unit_queries=True)


_CLASSIFIERS = {"nearest": _nearest, "prototype": _prototypes, "linear": _linear_probe}


def _complement(codes: NDArray[np.int64], shots: NDArray[np.int64]) -> NDArray[np.int64]:
    free = np.isin(codes, codes[shots])
    free[shots] = False
    return np.flatnonzero(free)


def _rows(chosen: Any, count: int, name: str) -> NDArray[np.int64]:
    rows = np.asarray(chosen)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
        raise DataError(f"{name}: expected a non-empty list of row numbers")
    if rows.min() < 0 or rows.max() >= count:
        raise DataError(f"{name}: row numbers must lie in 0..{count - 1}")
    if len(np.unique(rows)) != len(rows):
        raise DataError(f"{name}: a row stands twice")
    return rows.astype(np.int64)
