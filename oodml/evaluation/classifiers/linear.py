"""A logistic regression decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.classifiers.registry import LinearPredictor, register_classifier
from oodml.evaluation.classifiers.unit_rows import unit_rows


@register_classifier("linear")
def linear(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> LinearPredictor:
    """Logistic regression on unit vectors with C = 1, for at most 1000 iterations of L-BFGS.

    Source: Tian, Wang, Krishnan, Tenenbaum, Isola 2020 (Rethinking few-shot).

    >>> predict = linear(np.array([[1.0, 0.0], [0.0, 5.0], [-3.0, 0.0]]), np.array([0, 1, 2]))
    >>> predict(np.array([[9.0, 8.0], [1.0, 2.0], [-1.0, 0.5]])).tolist()
    [0, 1, 2]
    """
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(codes)
    if len(classes) == 1:
        return LinearPredictor(
            np.zeros((1, rows.shape[1])), np.zeros(1), classes, unit_queries=True
        )
    model = LogisticRegression(C=1.0, max_iter=1000).fit(unit_rows(rows), codes)
    weights, bias = model.coef_, model.intercept_
    if len(classes) == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearPredictor(weights, bias, model.classes_, unit_queries=True)
