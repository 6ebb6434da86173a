"""p-values when many comparisons are made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError


def adjust_p_values(
    p_values: Sequence[float] | NDArray[np.float64], method: str = "holm"
) -> NDArray[np.float64]:
    """Adjusted p-values: compare them with the significance level as if there were one test.

    Args:
        method: "holm" (Holm 1979, family-wise error, no assumptions), "bonferroni", or "bh"
            (Benjamini and Hochberg 1995, false discovery rate).

    >>> adjust_p_values([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise UsageError("p_values: expected a list of numbers between 0 and 1")
    n = len(p)
    if method == "bonferroni":
        return np.minimum(1.0, p * n)
    order = np.argsort(p)
    adjusted = np.empty(n)
    if method == "holm":
        adjusted[order] = np.maximum.accumulate(p[order] * (n - np.arange(n)))
    elif method == "bh":
        scaled = p[order] * n / (1 + np.arange(n))
        adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    else:
        raise UsageError(f"method {method!r}: expected holm, bh or bonferroni")
    return np.minimum(1.0, adjusted)
