"""Lengths of rows and rows of length 1, at any magnitude that float64 holds and at any origin.

The square of 1e160 overflows and that of 1e-200 vanishes. Such rows are first multiplied by the power
of two that brings their largest entry near 1, which rounds nothing. All others are computed as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError

# Lengths within are exact to rounding: no square that matters over- or underflows.
_LEAST, _MOST = 2.0**-400, 2.0**400

_SAMPLE = 255  # rows that tell where a cloud lies; odd, so that a median is one of its values
_FAR = 16.0  # how many times its own radius a cloud lies from the origin to be called far

Measure = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def euclidean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """|x| of each row, float64 [N, D] -> [N], for rows of ordinary magnitude."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.linalg.norm(rows, axis=1), np.float64)


def row_lengths(rows: NDArray[np.float64], measure: Measure = euclidean) -> NDArray[np.float64]:
    """|x| of each row: float64 [N, D] -> [N]; infinite only where the length itself overflows.

    Args:
        measure: what computes lengths of rows of ordinary magnitude.

    >>> row_lengths(np.array([[3.0, 4.0], [3e-200, 4e-200], [0.0, 0.0]])).tolist()
    [5.0, 5e-200, 0.0]
    """
    found = measure(rows)
    odd = _unusual(found)
    if len(odd):
        near, exponents = _near_one(rows[odd])
        with np.errstate(over="ignore"):
            found[odd] = np.ldexp(measure(near), exponents)
    return found


def make_unit(rows: NDArray[np.float64], measure: Measure = euclidean) -> NDArray[np.float64]:
    """The same array, each row divided by its length in place; zero rows stay zero.

    >>> make_unit(np.array([[3e-200, 4e-200], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    length = make_usual(rows, measure)
    rows /= np.where(length == 0, 1.0, length)[:, None]
    return rows


def make_usual(rows: NDArray[np.float64], measure: Measure = euclidean) -> NDArray[np.float64]:
    """Multiply rows of unusual magnitude by a power of two each, in place; the lengths they have then.

    For what does not change with a row's length, such as cosines.
    """
    length = measure(rows)
    odd = _unusual(length)
    if len(odd):
        rows[odd], _ = _near_one(rows[odd])
        length[odd] = measure(rows[odd])
    return length


def check_squares(rows: NDArray[np.float64], name: str) -> None:
    """DataError where squares of the rows' lengths over- or underflow float64.

    For what is measured in squares of the vectors' own unit, so that no scale may be chosen for it.
    """
    largest = float(np.abs(rows).max(initial=0.0))
    if largest > _MOST or 0.0 < largest < _LEAST:
        how = "large" if largest > 1 else "small"
        raise DataError(
            f"{name}: values as {how} as {largest:.3g}, whose squares float64 cannot hold; divide all of "
            "them by that number first"
        )


def without_rounding(
    differences: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Differences, or zeros where all of them are rounding of the values they are taken of.

    So that what collapsed to a point is measured as that and not by its rounding errors. Others stay as
    they are.
    """
    rounding = 16 * np.finfo(np.float64).eps * float(np.abs(values).max(initial=0.0))
    largest = float(np.abs(differences).max(initial=0.0))
    return np.zeros_like(differences) if largest <= rounding else differences


def spread_sample(rows: NDArray[Any]) -> NDArray[Any]:
    """Up to 255 rows, an odd number, evenly spaced from the first to the last."""
    count = max(0, min(_SAMPLE, len(rows) - 1 + len(rows) % 2))
    return np.asarray(rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)])


def far_centre(rows: NDArray[Any]) -> NDArray[np.float64] | None:
    """Where a cloud of points lies, [N, D] -> [D], if that is far from the origin; else None.

    The componentwise median of up to 255 rows, so that it depends on no other rows, and on outliers
    little. What does not change with the origin may be computed from the differences to it.
    """
    sample = np.asarray(spread_sample(rows), np.float64)
    if not len(sample):
        return None
    centre = np.asarray(np.median(sample, axis=0), np.float64)
    with np.errstate(over="ignore"):
        spread = float(np.median(row_lengths(sample - centre)))
    return centre if row_lengths(centre[None, :])[0] > _FAR * spread else None


def _unusual(lengths: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.flatnonzero(~((lengths >= _LEAST) & (lengths <= _MOST)))


def _near_one(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows times 2**-exponent, largest entry in [0.5, 1), and the exponents."""
    exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))[1].astype(np.int64)
    # in two steps, for 2**-exponent itself may overflow where the product does not
    half = exponents // 2
    scaled = np.ldexp(np.ldexp(rows, -half[:, None]), (half - exponents)[:, None])
    return scaled, exponents
