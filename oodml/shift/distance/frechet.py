"""The Fréchet distance between two sets of vectors, the shift measure of ooDML."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from oodml.core.errors import DataError
from oodml.core.matrix import as_matrix
from oodml.core.threads import one_decomposition_thread
from oodml.shift.distance.gram import Float, nuclear_norm

_BLOCK = 2048
_LARGEST_EXPONENT = 400


def frechet_distance(a: Any, b: Any, *, eps: float = 0.0) -> float:
    r"""Squared Fréchet distance between Gaussians fitted to two sets of row vectors.

        d = |m1 - m2|² + Tr(S1 + S2 - 2 (S1 S2)^½),   S = Σ (x - m)(x - m)ᵀ / (n - 1)

    (Dowson and Landau 1982; as FID: Heusel et al. 2017; on class means: ooDML, NeurIPS 2021).
    Exact: through the nuclear norm of the cross-Gram matrix where rows are few, through Cholesky
    factors of the covariances where they outnumber dimensions. No matrix square root is formed.

    Args:
        a, b: arrays [n1, D] and [n2, D] of finite numbers, NumPy, torch (any floating type, with or
            without a gradient), lists or DataFrames; computed in float64.
        eps: added to both diagonals inside the square root only. The ooDML papers use 1e-8; it
            shifts their values a little because their covariances are singular. 0 is exact.

    Returns:
        The distance in squared units of the vectors; 0 for equal sets, never negative.

    Raises:
        DataError: not 2-D, different D, fewer than two rows on a side (a single row has no
            covariance with n - 1), NaN or infinite values, or a distance that float64 cannot hold.

    >>> round(frechet_distance([[0.0], [2.0]], [[5.0], [7.0]]), 12)
    25.0
    """
    first, second = _rows(a, "a"), _rows(b, "b")
    exponent = _scale(first, second)
    if exponent:
        # exact: the distance of rows times 2**-e, times 2**(2 e)
        near = [np.ldexp(rows, -exponent) for rows in (first, second)]
        return _scaled_back(
            frechet_distance(*near, eps=float(np.ldexp(eps, -2 * exponent))), exponent
        )
    if first.shape[1] != second.shape[1]:
        raise DataError(
            f"frechet_distance: a has {first.shape[1]} columns, b has {second.shape[1]}; "
            "both must come from the same backbone"
        )
    # One common offset goes first, so that large offsets do not eat the digits.
    offset = first.mean(axis=0)
    first, second = first - offset, second - offset
    mean1, mean2 = first.mean(axis=0), second.mean(axis=0)
    first -= mean1
    second -= mean2
    n1, n2 = len(first), len(second)
    dims = first.shape[1]
    traces = np.vdot(first, first) / (n1 - 1) + np.vdot(second, second) / (n2 - 1)
    if eps:
        root = root_trace_eps(covariance(first), covariance(second), eps)
    elif min(n1, n2) <= dims:
        root = nuclear_norm(first @ second.T) / np.sqrt((n1 - 1.0) * (n2 - 1.0))
    else:
        root = root_trace(covariance(first), covariance(second))
    difference = mean1 - mean2
    return max(0.0, float(difference @ difference + traces - 2.0 * root))


def _rows(values: Any, name: str) -> Float:
    rows = as_matrix(values, f"frechet_distance: {name}").astype(np.float64)
    if len(rows) < 2:
        raise DataError(
            f"frechet_distance: {name} has {len(rows)} row(s); a covariance needs at least 2"
        )
    return rows


def _scale(first: Float, second: Float) -> int:
    """e where the largest value is about 2**e and its square would over- or underflow; else 0."""
    largest = max(float(np.abs(first).max()), float(np.abs(second).max()))
    exponent = int(np.frexp(largest)[1])
    return exponent if abs(exponent) > _LARGEST_EXPONENT else 0


def _scaled_back(distance: float, exponent: int) -> float:
    with np.errstate(over="ignore", under="ignore"):
        found = float(np.ldexp(distance, 2 * exponent))
    if distance > 0 and not np.finfo(np.float64).tiny <= found < np.inf:
        raise DataError(
            f"frechet_distance: {distance:.4g} x 2**{2 * exponent} is no float64; divide a and b by "
            f"about 2**{exponent} first, which divides the distance by its square"
        )
    return found


def covariance(centred: Float) -> Float:
    """S [D, D] = AᵀA / (n - 1) of centred rows [n, D]."""
    return np.asarray(centred.T @ centred / (len(centred) - 1))


def root_trace(cov1: Float, cov2: Float) -> float:
    """Tr((S1 S2)^½) of two covariances [D, D]; only their upper triangles are read.

    With S1 = Uᵀ U the eigenvalues of S1 S2 are those of U S2 Uᵀ. Dimensions constant on a side
    contribute nothing and are dropped; a still singular S1 is factored by its eigenvectors.
    """
    alive = (cov1.diagonal() > 0) & (cov2.diagonal() > 0)
    if not alive.all():
        cov1, cov2 = cov1[np.ix_(alive, alive)], cov2[np.ix_(alive, alive)]
    if not len(cov1):
        return 0.0
    with one_decomposition_thread(len(cov1)):
        try:
            factor = scipy.linalg.cholesky(cov1, check_finite=False)
        except np.linalg.LinAlgError:
            return nuclear_norm(_factor(cov1).T @ _factor(cov2))
        if _badly_conditioned(factor):
            return nuclear_norm(_factor(cov1).T @ _factor(cov2))
        inner, _ = scipy.linalg.lapack.dsygst(cov2, factor, itype=2, lower=0)
        values = scipy.linalg.eigvalsh(inner, lower=False, overwrite_a=True, check_finite=False)
    return float(np.sqrt(values.clip(min=0.0)).sum())


def _badly_conditioned(factor: Float) -> bool:
    """Whether a Cholesky factor comes from a numerically singular matrix.

    Each zero eigenvalue then returns as rounding noise whose square root is not small.
    """
    pivots = factor.diagonal()
    return bool(pivots.min() < 1e-6 * pivots.max())


def _factor(cov: Float) -> Float:
    """F [D, r] with F Fᵀ = S, directions below rounding left out."""
    values, vectors = scipy.linalg.eigh(cov, lower=False)
    keep = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


def root_trace_eps(cov1: Float, cov2: Float, eps: float) -> float:
    """Tr(((S1 + eps I)(S2 + eps I))^½)."""
    ridge = eps * np.eye(len(cov1))
    with one_decomposition_thread(len(cov1)):
        factor = scipy.linalg.cholesky(cov1 + ridge, lower=True)
        values = scipy.linalg.eigvalsh(factor.T @ (cov2 + ridge) @ factor)
    return float(np.sqrt(values.clip(min=0.0)).sum())


def scatter(rows: Float, index: NDArray[np.intp]) -> tuple[Float, Float]:
    """Sum [D] and upper triangle of the second moment [D, D] of chosen rows, block by block."""
    dims = rows.shape[1]
    total = np.zeros(dims)
    moment = np.zeros((dims, dims), order="F")
    for start in range(0, len(index), _BLOCK):
        block = rows[index[start : start + _BLOCK]]
        total += block.sum(axis=0)
        # In place and one triangle only: a full product would be written out and mirrored.
        moment = scipy.linalg.blas.dsyrk(1.0, block.T, beta=1.0, c=moment, overwrite_c=1)
    return total, moment


def covariance_of(count: int, total: Float, moment: Float) -> Float:
    """Upper triangle of the covariance [D, D] out of a count, a sum and a second moment."""
    # Transposed to the order of the moment, so that the sum runs along both.
    cov = np.outer(total, total / -count).T
    cov += moment
    cov /= count - 1
    return np.asarray(cov)
