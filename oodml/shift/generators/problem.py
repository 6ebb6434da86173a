"""What a generator is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oodml.core.short_repr import short_fields
from oodml.shift.distance.gram import Index
from oodml.shift.distance.means import ClassMeans


@dataclass(frozen=True, repr=False)
class Partition:
    """A class partition met on the way, with its exact shift.

    Attributes:
        left, right: rows of the class means on the training and the test side.
        shift: Fréchet distance between the class means of the two sides.
        stage, step: what reached it.
    """

    left: Index
    right: Index
    shift: float
    stage: str
    step: int

    __repr__ = short_fields


@dataclass(frozen=True, repr=False)
class Problem:
    """What to partition, from where, within which limits.

    Attributes:
        means: class means, sorted by class name.
        left, right: the starting partition as rows of ``means``.
        units: groups of classes that move together (whole superclasses, or one class each).
        fixed: [C] bool, classes that may not leave their side.
        levels: how many levels are wanted.
        targets: the shift values wanted, or None for evenly spaced ones.
        image_tolerance: how far the image count of a side may move from the start, relative;
            None for no limit.
        seed: for every random choice.
    """

    means: ClassMeans
    left: Index
    right: Index
    units: tuple[Index, ...]
    fixed: np.ndarray[Any, np.dtype[np.bool_]]
    levels: int
    targets: tuple[float, ...] | None
    image_tolerance: float | None
    seed: int

    def partition(
        self, left: Sequence[int] | Index, right: Sequence[int] | Index, stage: str, step: int
    ) -> Partition:
        """A Partition with its exact shift, rows sorted so that equal sides give equal numbers."""
        one, other = np.sort(np.asarray(left, np.intp)), np.sort(np.asarray(right, np.intp))
        return Partition(one, other, self.means.frechet(one, other), stage, step)

    __repr__ = short_fields
