"""Plain epochs: every item once, in random order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.methods.batch_rule import (
    BatchRule,
    Draw,
    Drawn,
    batch_generator,
    items_by_class,
    register_batch_rule,
)


@register_batch_rule("epochs")
class Epochs(BatchRule):
    """Every item once an epoch, in an order drawn anew, whatever its class: for classification.

    What is left of an epoch below a whole batch is dropped (other items each time), or with
    ``drop_last`` false is a smaller batch of its own; one single item is dropped always.
    """

    drop_last = Parameter(True, "leave out what is left of an epoch below a whole batch")

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        items_by_class(labels)  # refuses what has one class
        size = min(size, len(labels))
        if size < 2:
            raise UsageError(f"batch_size {size}: an update needs at least two items")
        whole, rest = divmod(len(labels), size)
        batches = whole + (rest > 1 and not self.drop_last)

        @lru_cache(maxsize=2)  # a step ahead of the one in use may be in the next epoch
        def order(epoch: int) -> NDArray[np.int64]:
            return batch_generator(seed, epoch).permutation(len(labels))

        def draw(step: int) -> Drawn:
            epoch, place = divmod(step, batches)
            return Drawn(order(epoch)[place * size : (place + 1) * size])

        return draw
