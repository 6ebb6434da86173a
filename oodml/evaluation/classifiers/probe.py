"""A logistic regression with little penalty decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.classifiers.logistic import logistic_regression
from oodml.evaluation.classifiers.registry import LinearPredictor, register_classifier


@register_classifier("probe")
def probe(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> LinearPredictor:
    """Logistic regression on unit vectors with C = 100.

    Unit vectors of one backbone lie close together, so that C = 1 hardly lets the classes part.

    >>> predict = probe(np.array([[1.0, 0.0], [0.0, 5.0], [-3.0, 0.0]]), np.array([0, 1, 2]))
    >>> predict(np.array([[9.0, 2.0], [1.0, 2.0], [-1.0, 0.5]])).tolist()
    [0, 1, 2]
    """
    return logistic_regression(rows, codes, 100.0)
