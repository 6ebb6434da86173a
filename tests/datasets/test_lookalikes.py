"""Merging concepts that look the same, and dropping images that stand twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml.datasets.rendered.lookalikes import (
    Drawing,
    class_drawings,
    distinct_styles,
    ink,
    merge_lookalikes,
    relative_difference,
)


def bar(row: int, darkness: int = 255) -> Drawing:
    image = np.full((10, 10), 255, np.uint8)
    image[row] -= np.uint8(darkness)
    return image


def test_relative_difference_by_hand() -> None:
    assert relative_difference(bar(1), bar(1)) == 0
    assert relative_difference(bar(1), bar(2)) == 1
    assert relative_difference(bar(1, 200), bar(1, 100)) == pytest.approx(1 / 3)
    white = np.full((10, 10), 255, np.uint8)
    assert relative_difference(white, white) == 0
    assert ink(bar(3)) == 10 * 255


@given(st.integers(0, 2**32 - 1))
def test_relative_difference_is_symmetric_and_bounded(seed: int) -> None:
    a, b = np.random.default_rng(seed).integers(0, 256, (2, 5, 5), dtype=np.uint8)
    reference = np.abs(a.astype(float) - b).sum() / ((255.0 - a).sum() + (255.0 - b).sum())
    assert relative_difference(a, b) == relative_difference(b, a) == pytest.approx(reference)
    assert 0 <= relative_difference(a, b) <= 1


def test_styles_that_are_copies_fall_away() -> None:
    stacks = [np.stack([bar(1)]), np.stack([bar(1, 254)]), np.stack([bar(5)]), np.stack([bar(1)])]
    assert distinct_styles(stacks, 0.1) == [0, 2]


def test_alike_in_half_of_the_shared_styles_is_one_class() -> None:
    drawings = {
        "s1": {"A": bar(1), "Alpha": bar(1), "B": bar(3)},
        "s2": {"A": bar(1), "Alpha": bar(2), "B": bar(3)},
        "s3": {"A": bar(1), "B": bar(1)},
    }
    # A and B coincide in one of three, A and Alpha in one of two.
    assert merge_lookalikes(drawings, 0.01, str) == {"A": "A", "Alpha": "A", "B": "B"}


def test_chains_end_at_one_name() -> None:
    drawings = {"s": {"a": bar(1), "b": bar(1), "c": bar(1)}}
    assert set(merge_lookalikes(drawings, 0.01, lambda name: -ord(name)).values()) == {"c"}


def test_class_drawings_stand_once() -> None:
    drawings = {
        "s1": {"A": bar(1), "B": bar(3)},
        "s2": {"A": bar(1, 254), "B": bar(4)},
        "s3": {"Alpha": bar(2), "B": bar(5)},
        "s4": {"A": bar(7), "B": bar(7)},
    }
    chosen = class_drawings(drawings, {"A": "A", "Alpha": "A", "B": "B"}, 0.01, str)
    # s2 draws A as s1 does; s3 has only the lookalike; s4 draws both classes the same.
    assert {name: list(images) for name, images in chosen.items()} == {
        "A": ["s1", "s3"],
        "B": ["s1", "s2", "s3"],
    }
    np.testing.assert_array_equal(chosen["A"]["s3"], bar(2))
