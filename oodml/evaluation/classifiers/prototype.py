"""The nearest class mean decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.lengths import check_squares, far_centre
from oodml.evaluation.classifiers.registry import LinearPredictor, register_classifier


@register_classifier("prototype")
def prototype(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> LinearPredictor:
    """The class whose mean is nearest in squared Euclidean distance, of vectors as they are given.

    Ties go to the class that comes first in the support. Source: Snell, Swersky, Zemel 2017.

    >>> predict = prototype(np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 0.0]]), np.array([0, 0, 1]))
    >>> predict(np.array([[2.9, 9.0], [3.1, 9.0]])).tolist()
    [0, 1]
    """
    classes, first, member = np.unique(codes, return_index=True, return_inverse=True)
    means = np.zeros((len(classes), rows.shape[1]))
    np.add.at(means, member, rows)
    means /= np.bincount(member)[:, None]
    order = np.argsort(first)
    means = means[order]
    check_squares(means, "prototype: vectors")
    # Far from the origin |m|^2 would hide how far the means are from each other.
    centre = far_centre(means)
    if centre is not None:
        means = means - centre
    # |x - m|^2 and |m|^2 - 2 x.m order the classes alike.
    bias = -0.5 * (means**2).sum(axis=1)
    if centre is not None:
        bias -= means @ centre
    return LinearPredictor(means, bias, classes[order], unit_queries=False)
