"""A logistic regression decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.classifiers.logistic import logistic_regression
from oodml.evaluation.classifiers.registry import LinearPredictor, register_classifier


@register_classifier("linear")
def linear(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> LinearPredictor:
    """Logistic regression on unit vectors with C = 1, for at most 1000 iterations of L-BFGS.

    Source: Tian, Wang, Krishnan, Tenenbaum, Isola 2020 (Rethinking few-shot).

    >>> predict = linear(np.array([[1.0, 0.0], [0.0, 5.0], [-3.0, 0.0]]), np.array([0, 1, 2]))
    >>> predict(np.array([[9.0, 8.0], [1.0, 2.0], [-1.0, 0.5]])).tolist()
    [0, 1, 2]
    """
    return logistic_regression(rows, codes, 1.0)
