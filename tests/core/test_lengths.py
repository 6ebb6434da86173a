"""Lengths and unit rows at any magnitude, against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml.core.errors import DataError
from oodml.core.lengths import check_squares, far_centre, make_unit, row_lengths, without_rounding

numbers = st.floats(-1.5e308, 1.5e308, allow_nan=False, allow_subnormal=True)


def exact_square(row):
    return sum(Fraction(float(x)) ** 2 for x in row)


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=6))
def test_against_exact_arithmetic(rows):
    given_rows = np.array(rows)
    for row, length in zip(given_rows, row_lengths(given_rows), strict=True):
        square = exact_square(row)
        if square > Fraction(1.7e308) ** 2:
            continue  # the length itself may overflow
        assert abs(Fraction(float(length)) ** 2 - square) <= square * Fraction(
            1, 1 << 48
        ) + Fraction(2.0**-1070) * (abs(Fraction(float(length))) + Fraction(2.0**-1070))
    for row, unit in zip(given_rows, make_unit(given_rows.copy()), strict=True):
        if not row.any():
            assert not unit.any()
            continue
        assert np.linalg.norm(unit) == pytest.approx(1.0, rel=1e-14)
        largest = np.argmax(np.abs(row))
        ratios = [Fraction(float(x)) / Fraction(float(row[largest])) for x in row]
        expected = [float(ratio) * unit[largest] for ratio in ratios]
        assert unit == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_ordinary_rows_keep_their_bits():
    rows = np.random.default_rng(0).normal(size=(50, 7))
    norm = np.linalg.norm(rows, axis=1)
    assert np.array_equal(row_lengths(rows), norm)
    assert np.array_equal(make_unit(rows.copy()), rows / norm[:, None])


@pytest.mark.parametrize("value", [1e160, 1e-200])
def test_squares_that_no_float_holds_are_refused(value):
    with pytest.raises(DataError, match="squares float64 cannot hold"):
        check_squares(np.array([[value, 0.0]]), "x")
    check_squares(np.zeros((2, 2)), "x")


def test_a_far_cloud_is_told_in_spite_of_outliers():
    cloud = np.random.default_rng(0).normal(size=(100, 5))
    assert far_centre(cloud) is None
    assert far_centre(cloud + 3) is None
    far = cloud + 1e6
    far[::10] = 0
    assert far_centre(far) == pytest.approx(1e6, rel=1e-5)
    assert far_centre(cloud[:0]) is None


def test_rounding_is_no_difference():
    values = np.full((30, 3), 0.1)
    assert not without_rounding(values - values.mean(axis=0), values).any()
    kept = np.array([[0.1, 0.2]])
    assert without_rounding(kept, kept) is kept
