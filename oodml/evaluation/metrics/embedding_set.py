"""Labelled embeddings with what several metrics need of them, computed once when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.lengths import make_unit
from oodml.evaluation.clustering import Contingency, contingency, k_means


class EmbeddingSet:
    """Rows of one set (no separate gallery) and their classes; unlabelled rows are left out.

    Attributes:
        rows: the vectors as given, floating point [N, D], finite.
        codes: int64 [N], class of each row, 0 .. classes - 1.
        seed: fixes the clustering.
        train_classes: number of classes the model was trained on, where a definition asks for it.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        codes: NDArray[np.int64],
        *,
        seed: int = 0,
        train_classes: int | None = None,
        memory_mib: int = 256,
    ) -> None:
        self.rows = rows
        self.codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        self.seed = seed
        self.train_classes = train_classes
        self.memory_mib = memory_mib
        self._tables: dict[tuple[int, int], Contingency] = {}

    @property
    def classes(self) -> int:
        return int(self.codes.max()) + 1

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """Rows divided by their length, float32 [N, D]; zero rows stay zero."""
        result = np.empty(self.rows.shape, np.float32)
        for at in self.pieces():
            result[at] = make_unit(self.rows[at].astype(np.float64))
        return result

    @cached_property
    def class_sizes(self) -> NDArray[np.int64]:
        """Images a class: int64 [classes]."""
        return np.bincount(self.codes).astype(np.int64)

    @cached_property
    def class_means(self) -> NDArray[np.float64]:
        """Mean of the unit rows of each class: float64 [classes, D].

        Of the differences to the class's first row, so that copies of one row have it for their mean.
        """
        sums = np.zeros_like(self._first_units)
        for codes, rows in self._by_class():
            starts = np.flatnonzero(np.diff(codes, prepend=-1))
            sums[codes[starts]] += np.add.reduceat(rows - self._first_units[codes], starts, axis=0)
        return np.asarray(self._first_units + sums / self.class_sizes[:, None])

    @cached_property
    def class_spreads(self) -> NDArray[np.float64]:
        """Sum of the squared distances of the unit rows of each class from their mean: [classes]."""
        result = np.zeros(self.classes)
        for codes, rows in self._by_class():
            rows -= self.class_means[codes]
            result += np.bincount(codes, np.einsum("ij,ij->i", rows, rows), self.classes)
        return result

    @cached_property
    def class_zeros(self) -> NDArray[np.int64]:
        """How many rows of each class are zero vectors: int64 [classes]."""
        zero = np.concatenate([~self.rows[at].any(axis=1) for at in self.pieces()])
        return np.bincount(self.codes[zero], minlength=self.classes).astype(np.int64)

    @property
    def rounding(self) -> float:
        """Squared distances of unit vectors below this may be rounding of the rows as given."""
        return float(2 * np.finfo(self.rows.dtype).eps) ** 2

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self.codes, kind="stable")

    @cached_property
    def _first_units(self) -> NDArray[np.float64]:
        starts = np.concatenate([[0], np.cumsum(self.class_sizes)[:-1]])
        return make_unit(self.rows[self._order[starts]].astype(np.float64))

    def _by_class(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Class codes and unit rows in float64, class after class, a piece at a time."""
        for at in self.pieces():
            chosen = self._order[at]
            yield self.codes[chosen], make_unit(self.rows[chosen].astype(np.float64))

    @cached_property
    def singular_values(self) -> NDArray[np.float64]:
        """Singular values of the (uncentred) unit rows, descending: float64 [min(N, D)].

        By QR of one piece after the other in float64, so they are exact to rounding and the same
        on every device. Values below the rounding of the largest are set to that rounding; there are
        `directions` above it.
        """
        triangle: NDArray[np.float64] = np.empty((0, self.rows.shape[1]))
        for at in self.pieces():
            stacked = np.vstack([triangle, make_unit(self.rows[at].astype(np.float64))])
            triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
        values = np.linalg.svd(triangle, compute_uv=False)
        floor = values[0] * max(self.rows.shape) * np.finfo(np.float64).eps
        return np.maximum(values, floor)[: min(self.rows.shape)]

    @cached_property
    def directions(self) -> int:
        """How many singular values are above rounding: 0 where all rows are zero vectors."""
        values = self.singular_values
        return int((values > values[0] * max(self.rows.shape) * np.finfo(np.float64).eps).sum())

    def contingency(self, clusters: int, restarts: int) -> Contingency:
        """Classes against k-means clusters of the unit rows."""
        key = (clusters, restarts)
        if key not in self._tables:
            if clusters > len(self.rows):
                raise UsageError(f"{clusters} clusters for {len(self.rows)} images")
            found = k_means(
                self.unit, clusters, restarts=restarts, seed=self.seed, memory_mib=self.memory_mib
            )
            self._tables[key] = contingency(self.codes, found.assignment)
        return self._tables[key]

    def pieces(self) -> Iterator[slice]:
        """Row slices of about 16 MiB in float64."""
        step = max(1, (16 << 20) // (8 * self.rows.shape[1]))
        for start in range(0, len(self.rows), step):
            yield slice(start, min(len(self.rows), start + step))
