"""Verification: are two images of the same class? Scores of labelled pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.labels import plain_labels
from oodml.core.lengths import make_usual
from oodml.core.matrix import as_matrix
from oodml.core.short_repr import html_fields, short_fields


@dataclass(frozen=True, repr=False)
class VerificationReport:
    """Scores of one list of pairs.

    Attributes:
        accuracy: mean over folds of the accuracy at the threshold that is best on the other folds.
        accuracy_std: standard deviation over folds (n - 1).
        folds: number of folds.
        tar_at_far: false accept rate f -> largest true accept rate at a threshold whose false
            accept rate is at most f.
        auc: area under the ROC curve; a tied pair of pairs counts half.
        eer: equal error rate, where false accept and false reject rates cross (linear in between).
        same_pairs, different_pairs: counts.
    """

    accuracy: float
    accuracy_std: float
    folds: int
    tar_at_far: dict[float, float]
    auc: float
    eer: float
    same_pairs: int
    different_pairs: int

    __repr__ = short_fields
    _repr_html_ = html_fields


def verification(
    embeddings: Any,
    first: Sequence[int] | NDArray[np.int64],
    second: Sequence[int] | NDArray[np.int64],
    same: Sequence[bool] | NDArray[np.bool_],
    *,
    folds: int | Sequence[int] | NDArray[np.int64] = 10,
    fars: Sequence[float] = (1e-1, 1e-2, 1e-3),
) -> VerificationReport:
    """Score pairs of rows by cosine (LFW's protocol: Huang et al. 2007).

    Args:
        embeddings: [N, D].
        first, second: rows of each pair [M].
        same: whether the pair is of one class [M].
        folds: a number, for consecutive folds as in LFW's pairs file, or the fold of each pair [M].
    """
    from scipy.integrate import trapezoid

    matrix = as_matrix(embeddings, "embeddings")
    left, right = _rows(first, "first"), _rows(second, "second")
    truth = _truth(same)
    if not left.shape == right.shape == truth.shape or left.ndim != 1:
        raise DataError("first, second and same: one entry a pair each")
    if truth.all() or not truth.any():
        raise DataError("same: needs pairs of both kinds")
    if min(left.min(), right.min()) < 0 or max(left.max(), right.max()) >= len(matrix):
        raise DataError(f"first, second: row numbers must lie in 0..{len(matrix) - 1}")
    scores = _cosines(matrix, left, right)
    fold = _folds(folds, len(truth))
    accuracies = _fold_accuracies(scores, truth, fold)
    accept, false_accept = _roc(scores, truth)
    return VerificationReport(
        accuracy=float(accuracies.mean()),
        accuracy_std=float(accuracies.std(ddof=1)),
        folds=len(accuracies),
        tar_at_far={far: float(accept[false_accept <= far].max()) for far in fars},
        auc=float(trapezoid(accept, false_accept)),
        eer=_equal_error_rate(accept, false_accept),
        same_pairs=int(truth.sum()),
        different_pairs=int((~truth).sum()),
    )


def _rows(given: Any, name: str) -> NDArray[np.int64]:
    rows = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise DataError(f"{name}: expected a list of row numbers, got {rows.dtype} {rows.shape}")
    return rows.astype(np.int64)


def _truth(same: Any) -> NDArray[np.bool_]:
    """bool [M]; what is missing or neither true nor false is refused and not taken for true."""
    known = {0: False, 1: True, "False": False, "True": True}
    given = [known.get(one) for one in _plain(same)]  # type: ignore[call-overload]
    if None in given:
        place = given.index(None)
        raise DataError(
            f"same: pair {place} is neither true (1) nor false (0); leave such pairs out"
        )
    return np.array(given, np.bool_)


def _plain(same: Any) -> list[Any]:
    column = plain_labels(same, "same")
    return column.tolist() if isinstance(column, np.ndarray) else column


def _cosines(
    matrix: NDArray[Any], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    scores = np.empty(len(left))
    step = max(1, (32 << 20) // (16 * matrix.shape[1]))
    for start in range(0, len(left), step):
        at = slice(start, start + step)
        a, b = matrix[left[at]].astype(np.float64), matrix[right[at]].astype(np.float64)
        lengths = make_usual(a) * make_usual(b)
        scores[at] = (a * b).sum(axis=1) / np.where(lengths == 0, 1.0, lengths)
    return scores


def _folds(folds: Any, pairs: int) -> NDArray[np.int64]:
    if isinstance(folds, int):
        if not 2 <= folds <= pairs:
            raise UsageError(f"folds={folds}: expected 2 to {pairs}")
        return np.arange(pairs) * folds // pairs
    given = np.asarray(folds)
    if given.shape != (pairs,) or len(np.unique(given)) < 2:
        raise UsageError("folds: expected the fold of each pair, at least two different ones")
    return given


def _fold_accuracies(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    result = []
    for one in np.unique(fold):
        held_out = fold == one
        threshold = _best_threshold(scores[~held_out], truth[~held_out])
        result.append(np.mean((scores[held_out] >= threshold) == truth[held_out]))
    return np.array(result)


def _best_threshold(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The threshold of highest accuracy: midway to the next score below, the highest if several."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    # Accepting the first i pairs: right are the same ones among them, the different ones after.
    right = np.concatenate([[0], np.cumsum(np.where(truth[order], 1, -1))])
    cut = np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])
    best = int(np.flatnonzero(cut)[np.argmax(right[cut])])
    if best == 0:
        return float(np.nextafter(ranked[0], np.inf))
    below = ranked[best] if best < len(ranked) else ranked[-1]
    return float((ranked[best - 1] + below) / 2)


def _roc(
    scores: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True and false accept rates from "accept none" to "accept all", ties in one step."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    accept = np.cumsum(truth[order])[last] / truth.sum()
    false_accept = np.cumsum(~truth[order])[last] / (~truth).sum()
    return np.concatenate([[0.0], accept]), np.concatenate([[0.0], false_accept])


def _equal_error_rate(accept: NDArray[np.float64], false_accept: NDArray[np.float64]) -> float:
    gap = false_accept - (1 - accept)
    after = int(np.argmax(gap >= 0))
    before = max(0, after - 1)
    rise = gap[after] - gap[before]
    share = 0.0 if rise == 0 else -gap[before] / rise
    return float(false_accept[before] + share * (false_accept[after] - false_accept[before]))
