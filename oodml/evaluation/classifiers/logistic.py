"""Logistic regression on unit vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.classifiers.registry import LinearPredictor
from oodml.evaluation.classifiers.unit_rows import unit_rows


def logistic_regression(
    rows: NDArray[np.float64], codes: NDArray[np.int64], inverse_penalty: float
) -> LinearPredictor:
    """Multinomial, L2-penalised by 1 / ``inverse_penalty`` (scikit-learn's C), by L-BFGS."""
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(codes)
    if len(classes) == 1:
        return LinearPredictor(
            np.zeros((1, rows.shape[1])), np.zeros(1), classes, unit_queries=True
        )
    model = LogisticRegression(C=inverse_penalty, max_iter=1000).fit(unit_rows(rows), codes)
    weights, bias = model.coef_, model.intercept_
    if len(classes) == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return LinearPredictor(weights, bias, model.classes_, unit_queries=True)
