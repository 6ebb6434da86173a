"""p-values by swapping two methods unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT_FLIPS = 14
_CHUNK_CELLS = 4_000_000


def sign_flip_p_values(
    contributions: NDArray[np.float64], resamples: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], str]:
    """Two-sided p of a sum of independent units whose signs are exchangeable.

    p is the share of all sign vectors s with |s . contributions| >= |sum contributions|: of all
    2 ** U of them for up to 14 units, else of ``resamples`` random ones, the observed one counted
    too: p = (1 + hits) / (1 + resamples) (Phipson and Smyth 2010).

    Args:
        contributions: float64 [U], or [U, T] for T tests with the same sign vectors.

    Returns:
        p, float64 [] or [T]; and "exact" or how many sign vectors were drawn.

    >>> sign_flip_p_values(np.array([1.0, 2.0, 3.0]), 100, np.random.default_rng(0))
    (array(0.25), 'exact')
    """
    units = len(contributions)
    observed = np.abs(contributions.sum(axis=0))
    # Sums that equal the observed one up to rounding are hits.
    bar = observed - 1e-12 * np.abs(contributions).sum(axis=0)
    exact = units <= _EXACT_FLIPS
    total = 2**units if exact else resamples
    hits: Any = 0 if exact else 1
    step = max(1, _CHUNK_CELLS // max(units, contributions[0].size))
    for start in range(0, total, step):
        rows = min(step, total - start)
        if exact:
            bits = (np.arange(start, start + rows)[:, None] >> np.arange(units)) & 1
        else:
            bits = random.integers(0, 2, (rows, units))
        sums = np.abs((1.0 - 2.0 * bits) @ contributions)
        hits = hits + np.count_nonzero(sums >= bar, axis=0)
    if exact:
        return np.asarray(hits / total), "exact"
    return np.asarray(hits / (1 + total)), f"{resamples}-fold"
