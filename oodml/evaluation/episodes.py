"""k-shot accuracy: classify queries by a few labelled support images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.evaluation.pairing import list_labels
from oodml.evaluation.prepare import as_matrix

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
            2017). Ties go to the earlier support image, or to the class that comes first in it.

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


def _accuracy(
    matrix: NDArray[Any],
    codes: NDArray[np.int64],
    shots: NDArray[np.int64],
    asked: NDArray[np.int64],
    classifier: str,
) -> float:
    targets, target_codes = _CLASSIFIERS[classifier](matrix[shots].astype(np.float64), codes[shots])
    half = 0.5 * (targets**2).sum(axis=1) if classifier == "prototype" else 0.0
    step = max(1, _BLOCK_BYTES // (8 * (len(targets) + matrix.shape[1])))
    right = 0
    for start in range(0, len(asked), step):
        block = asked[start : start + step]
        # A query's own length changes no order, neither of cosines nor of distances.
        scores = matrix[block].astype(np.float64) @ targets.T - half
        right += int((target_codes[scores.argmax(axis=1)] == codes[block]).sum())
    return right / len(asked)


def _unit_support(
    rows: NDArray[np.float64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length == 0, 1.0, length), codes


def _prototypes(
    rows: NDArray[np.float64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    classes, first, member = np.unique(codes, return_index=True, return_inverse=True)
    means = np.zeros((len(classes), rows.shape[1]))
    np.add.at(means, member, rows)
    means /= np.bincount(member)[:, None]
    order = np.argsort(first)
    return means[order], classes[order]


_CLASSIFIERS = {"nearest": _unit_support, "prototype": _prototypes}


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
