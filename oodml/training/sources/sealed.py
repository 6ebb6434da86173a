"""The seal: training gets its data through this."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from oodml.core.errors import OodmlError
from oodml.training.sources.source import ItemSource, training_slice


class SealedSource:
    """A source that gives only the items it was opened for; any other is a programming error.

    Training gets its data through this, so that no code path can touch a test image.
    """

    def __init__(self, source: ItemSource, allowed: NDArray[np.int64]) -> None:
        self._source = source
        self.augments = source.augments
        self.immediate = getattr(source, "immediate", False)
        self.rows = source.rows
        self._allowed = np.zeros(source.rows, dtype=bool)
        self._allowed[allowed] = True

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        self._check(indices)
        return self._source.training_batch(indices, seed)

    def training_slice(self, indices: NDArray[np.int64], seed: int, rows: slice) -> Tensor:
        """Some rows of a training batch, as the source gives them."""
        self._check(indices)
        return training_slice(self._source, indices, seed, rows)

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        self._check(indices)
        return self._source.evaluation_batches(indices)

    def _check(self, indices: NDArray[np.int64]) -> None:
        if not self._allowed[indices].all():
            outside = int(indices[~self._allowed[indices]][0])
            raise OodmlError(
                f"item {outside} is outside what training may see; the test side is sealed"
            )
