r"""The Fréchet distance of two sets of rows out of one Gram matrix.

For centred matrices A [n1, D] and B [n2, D] with covariances S1 = AᵀA/(n1-1), S2 = BᵀB/(n2-1),
the eigenvalues of S1 S2 that are not zero are those of (A Bᵀ)(A Bᵀ)ᵀ / ((n1-1)(n2-1)), hence

    Tr((S1 S2)^½) = ‖A Bᵀ‖_* / sqrt((n1-1)(n2-1))        (nuclear norm).

A Bᵀ is the cross-block of the Gram matrix with its row and column means taken out; the traces and
the distance between the means are sums over Gram entries too. So a matrix K = X Xᵀ computed once
prices every partition of the rows at one n1 x n2 singular value decomposition.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from oodml.core.threads import one_decomposition_thread

Float = NDArray[np.float64]
Index = NDArray[np.intp]


def double_centred(block: Float) -> Float:
    """A cross-block [n1, n2] with row means and column means taken out."""
    return np.asarray(block - block.mean(axis=0) - block.mean(axis=1, keepdims=True) + block.mean())


def nuclear_norm(matrix: Float) -> float:
    """Sum of the singular values."""
    with one_decomposition_thread(max(matrix.shape)):
        # numpy's driver (gesdd without vectors) falls through to the same dqds as scipy's, and is
        # called with less ceremony.
        return float(np.linalg.svd(matrix, compute_uv=False).sum())


def frechet_from_gram(gram: Float, left: Index, right: Index) -> float:
    """Exact squared Fréchet distance between rows ``left`` and rows ``right`` of a Gram matrix.

    Args:
        gram: [C, C] float64 Gram matrix of rows centred together.
        left, right: index arrays, at least two entries each.

    Returns:
        |m1 - m2|² + Tr(S1 + S2 - 2 (S1 S2)^½) in squared units of the rows; never negative.
    """
    diagonal = gram.diagonal()
    first, second = gram[np.ix_(left, left)].mean(), gram[np.ix_(right, right)].mean()
    cross = gram[np.ix_(left, right)]
    means = first + second - 2.0 * cross.mean()
    n1, n2 = len(left), len(right)
    trace1 = (diagonal[left].sum() - n1 * first) / (n1 - 1)
    trace2 = (diagonal[right].sum() - n2 * second) / (n2 - 1)
    root = nuclear_norm(double_centred(cross)) / np.sqrt((n1 - 1.0) * (n2 - 1.0))
    return max(0.0, float(means + trace1 + trace2 - 2.0 * root))


def coordinates(gram: Float) -> Float:
    """Rows [n, n] whose Gram matrix is ``gram``: the same configuration in n dimensions."""
    with one_decomposition_thread(len(gram)):
        values, vectors = scipy.linalg.eigh(gram)
    return np.asarray(vectors * np.sqrt(values.clip(min=0.0)))
