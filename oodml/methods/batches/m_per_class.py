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

# NumPy draws otherwise from more than this
_AT_ONCE = 10_000


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

        sizes, of_all = np.array([len(one) for one in items]), np.concatenate(items)
        starts = np.cumsum(sizes) - sizes
        one_by_one = bool(sizes.min() < m or sizes.max() > _AT_ONCE)

        def draw(step: int) -> Drawn:
            rng = batch_generator(seed, step)
            chosen = rng.choice(len(items), classes, replace=False)
            if one_by_one:
                return Drawn(np.concatenate([_items_of(rng, items[c], m) for c in chosen]))
            places = _places(rng, sizes[chosen], m) + starts[chosen, None]
            return Drawn(of_all[places.ravel()])

        return draw

    def on_support(self, shots: int) -> MPerClass:
        return self.replaced(images_per_class=min(self.images_per_class, shots))


def _places(rng: np.random.Generator, sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """``rng.choice(size, count, replace=False)`` of each size in turn, the same numbers from the
    same stream, in a tenth of the time: int64 [classes, count].

    Floyd's algorithm and then a shuffle, as NumPy has it for sizes up to ``_AT_ONCE``.
    """
    last = sizes[:, None] - count + np.arange(count)  # the largest place that the k-th may be
    swaps = np.broadcast_to(np.arange(count - 1, 0, -1), (len(sizes), count - 1))
    drawn = rng.integers(0, np.concatenate([last, swaps], axis=1), endpoint=True)
    places = drawn[:, :count]
    for k in range(1, count):
        taken = (places[:, :k] == places[:, k : k + 1]).any(axis=1)
        places[:, k] = np.where(taken, last[:, k], places[:, k])
    rows = np.arange(len(sizes))
    for k in range(count - 1, 0, -1):
        other = drawn[:, 2 * count - 1 - k]
        places[rows, k], places[rows, other] = places[rows, other], places[:, k].copy()
    return places


def _items_of(rng: np.random.Generator, items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    if len(items) >= count:
        return rng.choice(items, count, replace=False)
    return np.concatenate([items, rng.choice(items, count - len(items), replace=True)])
