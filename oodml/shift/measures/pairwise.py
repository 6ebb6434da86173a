"""Distances between all pairs of rows."""

from __future__ import annotations

import numpy as np

from oodml.shift.distance.gram import Float

_BLOCK = 1024
_NEAR = 2.0**-20
_PIECE_BYTES = 32 << 20


def squared_distances(a: Float, b: Float) -> Float:
    """|a_i - b_j|² [n, m]; rows should be centred beforehand, or large offsets cancel badly.

    Pairs much nearer to each other than to the centre are computed once more from their differences:
    copies have distance 0, and not the root of a rounding error.
    """
    squares = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("md,md->m", b, b)[None, :]
    found = np.asarray((squares - 2.0 * (a @ b.T)).clip(min=0.0))
    near_a, near_b = np.nonzero(found < _NEAR * squares)
    step = max(1, _PIECE_BYTES // (16 * a.shape[1]))
    for start in range(0, len(near_a), step):
        pairs = near_a[start : start + step], near_b[start : start + step]
        apart = a[pairs[0]] - b[pairs[1]]
        found[pairs] = np.einsum("nd,nd->n", apart, apart)
    return found


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
