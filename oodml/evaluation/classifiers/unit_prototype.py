"""The nearest mean of unit vectors decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.classifiers.registry import LinearPredictor, register_classifier
from oodml.evaluation.classifiers.unit_rows import unit_rows


@register_classifier("unit-prototype")
def unit_prototype(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> LinearPredictor:
    """The class with the highest cosine to the mean of its unit support vectors.

    The prototype of retrieval features, which are compared by cosine; ties go to the class that
    comes first in the support.

    >>> support = np.array([[1.0, 0.0], [10.0, 10.0], [0.0, 2.0]])
    >>> predict = unit_prototype(support, np.array([4, 4, 1]))
    >>> predict(np.array([[2.0, 1.0], [1.0, 5.0]])).tolist()
    [4, 1]
    """
    classes, first, member = np.unique(codes, return_index=True, return_inverse=True)
    means = np.zeros((len(classes), rows.shape[1]))
    np.add.at(means, member, unit_rows(rows))
    order = np.argsort(first)
    return LinearPredictor(
        unit_rows(means)[order], np.zeros(len(classes)), classes[order], unit_queries=True
    )
