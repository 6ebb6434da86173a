"""What a shift measure is given, and the registry of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oodml.core.errors import DataError
from oodml.core.hashing import derived_seed
from oodml.core.registry import Registry
from oodml.shift.distance.gram import Float, Index
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.distance.means import ClassMeans


@dataclass(frozen=True)
class Sides:
    """The two sides of one split as a measure sees them.

    Attributes:
        data: all features with their class names.
        means: class means of the same features.
        left, right: rows of ``means`` on the training and on the test side.
        seed: of random projections and of subsampling.
        max_images: measures that compare all pairs of images use at most this many a side, drawn
            with the seed.
    """

    data: LabelledFeatures
    means: ClassMeans
    left: Index
    right: Index
    seed: int = 0
    max_images: int = 2048

    @cached_property
    def left_means(self) -> Float:
        """Class means [n1, D] of the training side, the common mean of all classes taken out."""
        return self.means.means[self.left]

    @cached_property
    def right_means(self) -> Float:
        """Class means [n2, D] of the test side."""
        return self.means.means[self.right]

    @cached_property
    def left_images(self) -> Float:
        """Image features [N1, D] of the training side, float64, at most ``max_images``."""
        return self._images(self.left, "left", self.max_images)

    @cached_property
    def right_images(self) -> Float:
        """Image features [N2, D] of the test side, float64, at most ``max_images``."""
        return self._images(self.right, "right", self.max_images)

    def all_images(self) -> tuple[Float, Float]:
        """All image features of both sides, for measures whose cost grows slowly with them."""
        return self._images(self.left, "left", None), self._images(self.right, "right", None)

    def _images(self, side: Index, name: str, most: int | None) -> Float:
        rows = np.concatenate([self.means.rows[c] for c in np.sort(side)])
        if most is not None and len(rows) > most:
            rng = np.random.default_rng(derived_seed("measure images", self.seed, name))
            rows = np.sort(rng.choice(rows, most, replace=False))
        return np.asarray(self.data.features[rows], dtype=np.float64)


Measure = Callable[[Sides], Mapping[str, float]]
"""Gives named values; the first carries the measure's own name."""

MEASURES: Registry[Measure] = Registry(
    "measure", packages=("oodml.shift.measures",), functions=True
)


def register_measure(name: str) -> Callable[[Measure], Measure]:
    """Decorator: register ``Sides -> {name: value, ...}`` as a shift measure."""
    return MEASURES.register(name)


def sides_of(
    data: LabelledFeatures,
    means: ClassMeans,
    train: Sequence[str],
    test: Sequence[str],
    *,
    seed: int = 0,
    max_images: int = 2048,
) -> Sides:
    """Sides from class names; DataError when one of them is empty or they share a class."""
    shared = sorted(set(train) & set(test))
    if shared:
        raise DataError(f"class {shared[0]!r} stands on both sides")
    if min(len(train), len(test)) < 2:
        raise DataError(f"sides of {len(train)} and {len(test)} classes; at least 2 each")
    left, right = means.rows_of(sorted(train)), means.rows_of(sorted(test))
    return Sides(data, means, left, right, seed, max_images)
