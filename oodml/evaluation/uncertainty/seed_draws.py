"""Drawing seeds with replacement, of which there are few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def seed_shares(seeds: int, rows: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Weight of each of S seeds in a resample of S - 1 of them: float64 [rows, S], rows sum to 1.

    Why not S: the mean of S draws varies by (S - 1) / S of what the mean of S seeds does, at two
    seeds by half. The mean of S - 1 draws varies by exactly as much (Rao and Wu 1988).

    >>> seed_shares(1, 2, np.random.default_rng(0)).tolist()
    [[1.0], [1.0]]
    """
    drawn = max(1, seeds - 1)
    return random.multinomial(drawn, np.full(seeds, 1 / seeds), rows) / drawn


def seeds_text(*counts: int) -> str:
    """The seeds of one method, or of several drawn apart, in an estimator's name; "" for one each.

    >>> seeds_text(3), seeds_text(3, 1), seeds_text(1)
    (' and 3 seeds (2 drawn)', ' and 3 + 1 seeds (S - 1 drawn)', '')
    """
    if max(counts) == 1:
        return ""
    drawn = f"{counts[0] - 1} drawn" if len(counts) == 1 else "S - 1 drawn"
    return f" and {' + '.join(map(str, counts))} seeds ({drawn})"
