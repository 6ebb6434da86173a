"""Statistics that more than one room needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kendall_tau(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Kendall's tau-b between two scorings of M things: [..., M] and [..., M] -> [...].

    tau_b = (concordant - discordant) / sqrt((pairs not tied in first) * (... in second)); NaN where
    a scoring ties everything or M < 2. Source: Kendall 1945.

    >>> kendall_tau([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]).round(4).item()
    0.6667
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    left, right = np.triu_indices(one.shape[-1], 1)
    a = np.sign(one[..., left] - one[..., right])
    b = np.sign(other[..., left] - other[..., right])
    scale = np.sqrt((a != 0).sum(axis=-1) * (b != 0).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(axis=-1) / scale)
