"""m images of each of B / m classes."""

from __future__ import annotations

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


@register_batch_rule("m-per-class")
class MPerClass(BatchRule):
    """Batches of ``images_per_class`` items of each of size // images_per_class classes.

    Classes are drawn without replacement within a batch (all classes, and a smaller batch, where
    there are fewer), items of a class without replacement where it has enough, else every item
    once and the rest with replacement; with ``few`` "skip" a class without enough is left out. Each
    batch is drawn afresh.
    """

    images_per_class = Parameter(4, "images of a class in a batch", minimum=1)
    few = Parameter(
        "repeat",
        "a class with fewer items: repeat some, or skip the class",
        choices=("repeat", "skip"),
    )

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        m = self.images_per_class
        items = items_by_class(labels)
        if self.few == "skip":
            items = [one for one in items if len(one) >= m]
        if len(items) < 2:
            raise UsageError(f"fewer than two classes have {m} items; use few = 'repeat'")
        classes = min(size // m, len(items))
        if classes < 2:
            raise UsageError(
                f"batch_size {size} with images_per_class {m} holds fewer than two classes; "
                "raise the batch size"
            )

        def draw(step: int) -> Drawn:
            rng = batch_generator(seed, step)
            chosen = rng.choice(len(items), classes, replace=False)
            return Drawn(np.concatenate([_items_of(rng, items[c], m) for c in chosen]))

        return draw

    def on_support(self, shots: int) -> MPerClass:
        return self.replaced(images_per_class=min(self.images_per_class, shots))


def _items_of(rng: np.random.Generator, items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    if len(items) >= count:
        return rng.choice(items, count, replace=False)
    return np.concatenate([items, rng.choice(items, count - len(items), replace=True)])
