"""k-shot accuracy: classify queries by a few labelled support images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, OodmlError
from oodml.core.foreign import named_failure
from oodml.core.labels import UNLABELLED, encode_labels, plain_labels
from oodml.core.matrix import as_matrix
from oodml.evaluation.classifiers import Classifier, get_classifier

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
        labels: [N]; rows without a label are in no episode (`oodml.core.labels`).
        support: for each episode the row indices of its support images.
        query: for each episode the rows to classify. Default: every other row of the classes that
            are in the support.
        classifier: "nearest" takes the class of the support image with the highest cosine,
            "prototype" that of the nearest class mean, "linear" a logistic regression; or another
            name of `oodml.evaluation.classifiers.list_classifiers`.

    Computed in float64. Raises DataError for rows out of range or without a label, an episode without
    support or queries, or an image that is both support and query; UsageError for an unknown
    classifier; OodmlError for one that fails.

    >>> rows = [[1.0, 0.0], [3.0, 1.0], [0.0, 1.0], [1.0, 4.0], [2.0, 1.0]]
    >>> labels = ["a", "a", "b", "b", "b"]
    >>> episode_accuracy(rows, labels, support=[[0, 2], [1, 4]]).round(4).tolist()
    [0.6667, 1.0]
    """
    classify = get_classifier(classifier)
    matrix = as_matrix(embeddings, "embeddings")
    column = plain_labels(labels)
    if len(column) != len(matrix):
        raise DataError(f"labels: {len(column)} labels for {len(matrix)} rows")
    codes = encode_labels([column])[0][0]
    if query is not None and len(query) != len(support):
        raise DataError(f"query: {len(query)} episodes, support has {len(support)}")
    accuracies = np.empty(len(support))
    for episode, chosen in enumerate(support):
        shots = _rows(chosen, codes, f"support of episode {episode}")
        if query is None:
            asked = _complement(codes, shots)
        else:
            asked = _rows(query[episode], codes, f"query of episode {episode}")
        if not len(asked):
            raise DataError(f"episode {episode}: no image is left to classify")
        if len(np.intersect1d(asked, shots)):
            raise DataError(f"episode {episode}: an image is both support and query")
        accuracies[episode] = _accuracy(matrix, codes, shots, asked, classify, classifier)
    return accuracies


def _accuracy(
    matrix: NDArray[Any],
    codes: NDArray[np.int64],
    shots: NDArray[np.int64],
    asked: NDArray[np.int64],
    classify: Classifier,
    name: str,
) -> float:
    with named_failure("classifier", name):
        predict = classify(matrix[shots].astype(np.float64), codes[shots])
        step = max(1, _BLOCK_BYTES // (8 * (predict.width + matrix.shape[1])))
    right = 0
    for start in range(0, len(asked), step):
        block = asked[start : start + step]
        with named_failure("classifier", name):
            found = np.asarray(predict(matrix[block].astype(np.float64)))
        if found.shape != block.shape:
            raise OodmlError(
                f"classifier {name!r}: a prediction of shape {found.shape} for {len(block)} queries, "
                "expected one class a query"
            )
        right += int((found == codes[block]).sum())
    return right / len(asked)


def _complement(codes: NDArray[np.int64], shots: NDArray[np.int64]) -> NDArray[np.int64]:
    free = np.isin(codes, codes[shots])
    free[shots] = False
    return np.flatnonzero(free)


def _rows(chosen: Any, codes: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    count = len(codes)
    rows = np.asarray(chosen)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
        raise DataError(f"{name}: expected a non-empty list of row numbers")
    if rows.min() < 0 or rows.max() >= count:
        raise DataError(f"{name}: row numbers must lie in 0..{count - 1}")
    if len(np.unique(rows)) != len(rows):
        raise DataError(f"{name}: a row stands twice")
    if (codes[rows] == UNLABELLED).any():
        row = int(rows[np.argmax(codes[rows] == UNLABELLED)])
        raise DataError(f"{name}: row {row} has no label")
    return rows.astype(np.int64)
