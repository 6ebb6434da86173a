"""Distances between all pairs of rows."""

from __future__ import annotations

import numpy as np

from oodml.shift.distance.gram import Float

_BLOCK = 1024


def squared_distances(a: Float, b: Float) -> Float:
    """|a_i - b_j|² [n, m]; rows should be centred beforehand, or large offsets cancel badly."""
    squares = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("md,md->m", b, b)[None, :]
    return np.asarray((squares - 2.0 * (a @ b.T)).clip(min=0.0))


def mean_distance(a: Float, b: Float) -> float:
    """Mean Euclidean distance between rows of ``a`` and rows of ``b``, a block at a time.

    With ``a is b`` the distance of a row from itself is exactly 0, not the root of its rounding.
    """
    total = 0.0
    for start in range(0, len(a), _BLOCK):
        block = np.sqrt(squared_distances(a[start : start + _BLOCK], b))
        if a is b:
            np.fill_diagonal(block[:, start:], 0.0)
        total += float(block.sum())
    return total / (len(a) * len(b))
