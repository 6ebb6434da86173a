"""Rows of length 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.lengths import make_unit


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows divided by their length, float64 [N, D]; zero rows stay zero."""
    return make_unit(rows.copy())
