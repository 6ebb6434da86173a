"""Class means: what the ooDML distance is measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.lengths import check_squares, without_rounding
from oodml.core.short_repr import short_fields
from oodml.shift.distance.frechet import (
    covariance,
    covariance_of,
    root_trace,
    root_trace_eps,
    scatter,
)
from oodml.shift.distance.gram import Float, Index, coordinates, frechet_from_gram

# Above this many classes the Gram matrix would take more than 288 MiB.
GRAM_CLASSES = 6144
_BLOCK = 65536


@dataclass(frozen=True, repr=False)
class ClassMeans:
    """Mean vector of each class, classes sorted by name.

    Attributes:
        names: C unique class names, sorted.
        means: [C, D] float64, the common mean of all classes taken out.
        images: [C] number of images of each class.
        rows: image rows of each class in the table they came from, sorted by image id; empty
            when made from means alone.
    """

    names: tuple[str, ...]
    means: Float
    images: NDArray[np.int64]
    rows: tuple[NDArray[np.intp], ...] = field(default=(), repr=False)

    @property
    def dims(self) -> int:
        return int(self.means.shape[1])

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def position(self) -> dict[str, int]:
        """Class name -> row of ``means``."""
        return {name: row for row, name in enumerate(self.names)}

    @cached_property
    def has_gram(self) -> bool:
        """Whether K is kept: classes are few enough, and not far more than dimensions."""
        return len(self) <= GRAM_CLASSES and len(self) <= 4 * self.dims

    @cached_property
    def gram(self) -> Float:
        """K = X Xᵀ [C, C] of the centred means."""
        return np.asarray(self.means @ self.means.T)

    def rows_of(self, names: Sequence[str]) -> Index:
        """Rows of the named classes; UsageError naming the first unknown one."""
        for name in names:
            if name not in self.position:
                raise UsageError(
                    f"class {name!r} is not among the {len(self)} classes with features"
                )
        return np.array([self.position[name] for name in names], dtype=np.intp)

    def frechet(self, left: ArrayLike, right: ArrayLike, *, eps: float = 0.0) -> float:
        """Exact Fréchet distance between two sets of classes given as rows of ``means``.

        From K where one side has no more classes than dimensions, in D x D otherwise.
        ``eps`` as in :func:`oodml.frechet_distance`.
        """
        first, second = np.asarray(left, dtype=np.intp), np.asarray(right, dtype=np.intp)
        if min(len(first), len(second)) < 2:
            raise DataError(
                f"sides of {len(first)} and {len(second)} classes: a covariance needs at least 2"
            )
        if eps:
            return self._frechet_eps(first, second, eps)
        if self.has_gram and min(len(first), len(second)) <= self.dims:
            return frechet_from_gram(self.gram, first, second)
        return self._frechet_dims(first, second)

    def _frechet_dims(self, left: Index, right: Index) -> float:
        mean1, cov1 = self._gaussian(left)
        mean2, cov2 = self._gaussian(right)
        difference = mean1 - mean2
        traces = np.trace(cov1) + np.trace(cov2)
        distance = difference @ difference + traces - 2.0 * root_trace(cov1, cov2)
        return max(0.0, float(distance))

    def _gaussian(self, side: Index) -> tuple[Float, Float]:
        total, moment = scatter(self.means, side)
        return total / len(side), covariance_of(len(side), total, moment)

    def _frechet_eps(self, left: Index, right: Index, eps: float) -> float:
        """With eps in the square root: in the span of the classes, the rest of D added by hand."""
        both = np.concatenate([left, right])
        if self.has_gram and len(both) <= self.dims:
            rows = coordinates(self.gram[np.ix_(both, both)])
        else:
            rows = self.means[both]
        first, second = rows[: len(left)], rows[len(left) :]
        difference = first.mean(axis=0) - second.mean(axis=0)
        cov1 = covariance(first - first.mean(axis=0))
        cov2 = covariance(second - second.mean(axis=0))
        root = root_trace_eps(cov1, cov2, eps) + (self.dims - rows.shape[1]) * eps
        traces = np.trace(cov1) + np.trace(cov2)
        return max(0.0, float(difference @ difference + traces - 2.0 * root))

    __repr__ = short_fields


def class_means(
    features: NDArray[Any],
    labels: Sequence[str] | NDArray[Any],
    *,
    image_ids: Sequence[str] | None = None,
) -> ClassMeans:
    """Class means out of features [N, D] and N class names.

    Images are added up in float64 in the order of (class, image id), so the result does not
    depend on the order in which rows come.

    Raises:
        DataError: shapes that do not fit, NaN or infinite features (the first image is named), values
            whose squares float64 cannot hold.
    """
    if getattr(features, "ndim", 0) != 2 or features.shape[1] == 0:
        raise DataError(f"features have shape {np.shape(features)}, expected [N, D]")
    names = np.asarray(labels, dtype=str)
    count = len(features)
    if names.shape != (count,):
        raise DataError(f"{count} feature rows but {names.shape} labels")
    if image_ids is not None and len(image_ids) != count:
        raise DataError(f"{count} feature rows but {len(image_ids)} image ids")
    ids = np.arange(count) if image_ids is None else np.asarray(image_ids, dtype=str)
    order = np.lexsort((ids, names))
    classes, starts, images = np.unique(names[order], return_index=True, return_counts=True)
    sums = _class_sums(features, order, starts, len(classes), image_ids)
    means = sums / images[:, None]
    check_squares(means, "features")
    means = without_rounding(means - means.mean(axis=0), means)
    rows = tuple(np.split(order, starts[1:])) if count else ()
    return ClassMeans(tuple(classes.tolist()), means, images.astype(np.int64), rows)


def _class_sums(
    features: NDArray[Any],
    order: NDArray[np.intp],
    starts: NDArray[np.intp],
    classes: int,
    image_ids: Sequence[str] | None,
) -> Float:
    """Sum of the rows of each class, a block of rows in memory at a time."""
    sums = np.zeros((classes, features.shape[1]))
    for begin in range(0, len(order), _BLOCK):
        chosen = order[begin : begin + _BLOCK]
        block = np.asarray(features[chosen], dtype=np.float64)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            row = int(chosen[np.argmin(finite)])
            name = f" (image {image_ids[row]!r})" if image_ids is not None else ""
            raise DataError(f"features: row {row}{name} has NaN or infinite values")
        first = int(np.searchsorted(starts, begin, side="right")) - 1
        inside = starts[(starts > begin) & (starts < begin + len(chosen))] - begin
        edges = np.concatenate([[0], inside])
        sums[first : first + len(edges)] += np.add.reduceat(block, edges, axis=0)
    return sums


def leave_out(means: ClassMeans, minimum: int) -> tuple[ClassMeans, Mapping[str, int]]:
    """Classes with at least ``minimum`` images, centred again, and the others with their counts."""
    keep = means.images >= minimum
    if keep.all():
        return means, {}
    index = np.flatnonzero(keep)
    left = {means.names[i]: int(means.images[i]) for i in np.flatnonzero(~keep)}
    kept = means.means[index]
    if len(index):
        kept = without_rounding(kept - kept.mean(axis=0), kept)
    names = tuple(means.names[i] for i in index)
    rows = tuple(means.rows[i] for i in index) if means.rows else ()
    return ClassMeans(names, kept, means.images[index], rows), left
