"""ItemSource: inputs of the model by item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class ItemSource(Protocol):
    """Inputs of the model by item index (rows of the data set).

    Attributes:
        augments: whether two training inputs of one item differ.
        rows: number of items.

    A source whose inputs are there at once, so that loading them ahead is not worth a thread, has
    an attribute ``immediate`` that is true.
    """

    augments: bool
    rows: int

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        """Inputs of a training step; ``seed`` decides the augmentation."""

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        """Un-augmented inputs of the items, in order, in batches."""


def training_slice(source: ItemSource, items: NDArray[np.int64], seed: int, rows: slice) -> Tensor:
    """Some rows of ``source.training_batch(items, seed)``.

    A source that can give them alone has a method ``training_slice(items, seed, rows)``; of any
    other the whole batch is loaded.
    """
    alone = getattr(source, "training_slice", None)
    found: Tensor = (
        source.training_batch(items, seed)[rows] if alone is None else alone(items, seed, rows)
    )
    return found
