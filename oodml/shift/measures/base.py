"""What a shift measure is given, and the registry of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oodml.core.errors import DataError, OodmlError
from oodml.core.foreign import named_failure
from oodml.core.hashing import derived_seed
from oodml.core.lengths import without_rounding
from oodml.core.registry import Registry
from oodml.core.short_repr import short_fields
from oodml.shift.distance.gram import Float, Index
from oodml.shift.distance.labelled import LabelledFeatures
from oodml.shift.distance.means import ClassMeans


@dataclass(frozen=True, repr=False)
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

    def centred_images(self) -> tuple[Float, Float]:
        """``left_images`` and ``right_images`` less the middle of their means."""
        left, right = self.left_images, self.right_images
        centre = 0.5 * (left.mean(axis=0) + right.mean(axis=0))
        both = np.concatenate([left, right])
        moved = without_rounding(both - centre, both)
        return moved[: len(left)], moved[len(left) :]

    def all_images(self) -> tuple[Float, Float]:
        """All image features of both sides, for measures whose cost grows slowly with them."""
        return self._images(self.left, "left", None), self._images(self.right, "right", None)

    def _images(self, side: Index, name: str, most: int | None) -> Float:
        rows = np.concatenate([self.means.rows[c] for c in np.sort(side)])
        if most is not None and len(rows) > most:
            rng = np.random.default_rng(derived_seed("measure images", self.seed, name))
            rows = np.sort(rng.choice(rows, most, replace=False))
        return np.asarray(self.data.features[rows], dtype=np.float64)

    __repr__ = short_fields


Measure = Callable[[Sides], Mapping[str, float]]
"""Gives named values; the first carries the measure's own name."""

MEASURES: Registry[Measure] = Registry(
    "measure", packages=("oodml.shift.measures",), functions=True
)


def register_measure(name: str) -> Callable[[Measure], Measure]:
    """Decorator: register ``Sides -> {name: value, ...}`` as a shift measure."""
    return MEASURES.register(name)


def checked_values(name: str, measure: Measure, sides: Sides, where: str) -> dict[str, float]:
    """What a measure gives, or an OodmlError that names it and the split it was given.

    Args:
        where: the split, for messages.
    """
    with named_failure(f"at {where}, measure", name), np.errstate(all="ignore"):
        found = measure(sides)
    if not isinstance(found, Mapping) or name not in found:
        raise OodmlError(
            f"measure {name!r} gave {type(found).__name__} at {where}, expected named numbers with "
            f"{name!r} among them"
        )
    values: dict[str, float] = {}
    for key, value in found.items():
        number = np.asarray(value)
        if number.shape != () or number.dtype.kind not in "fiu" or not np.isfinite(number):
            raise OodmlError(
                f"measure {name!r} gave {key} = {value!r:.60} at {where}, expected a finite number; are "
                "the features very large, or all alike?"
            )
        values[str(key)] = float(number)
    return values


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
