"""How far each test class is from its nearest training class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from oodml.shift.measures.base import Sides, register_measure
from oodml.shift.measures.pairwise import squared_distances


@register_measure("nearest_class")
def nearest_class(sides: Sides) -> Mapping[str, float]:
    """Mean, and 10 %, 50 % and 90 % quantile, of min over train classes of |m_test - m_train|.

    Euclidean distance between class means; quantiles interpolate linearly. Not symmetric: it asks
    whether every test class has something like it in training, not the reverse. Feature units;
    scales with the features.
    """
    nearest = np.sqrt(squared_distances(sides.right_means, sides.left_means).min(axis=1))
    values = {"nearest_class": float(nearest.mean())}
    for percent in (10, 50, 90):
        values[f"nearest_class_q{percent}"] = float(np.quantile(nearest, percent / 100))
    return values
