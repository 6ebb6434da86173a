"""Which items a step sees: m images of each of B/m classes, a pure function of (seed, step)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed


class MPerClassSampler:
    """Batches of ``images_per_class`` items of each of batch_size // images_per_class classes.

    Classes are drawn without replacement within a batch (all classes, and a smaller batch, where
    there are fewer), items of a class without replacement where it has enough, else every item
    once and the rest with replacement. Each batch is drawn afresh from (seed, step), so training
    can continue at any step.

    Args:
        labels: int64 [n], class of each item the sampler may draw (any integers).
        batch_size, images_per_class: see above.
        seed: of the run.

    Raises:
        UsageError: a batch that cannot hold two classes, or fewer than two classes.
    """

    def __init__(
        self, labels: NDArray[np.int64], batch_size: int, images_per_class: int, seed: int
    ) -> None:
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        self._items = np.split(order, starts[1:]) if len(order) else []
        self._classes_per_batch = min(batch_size // images_per_class, len(self._items))
        self._images_per_class = images_per_class
        self._seed = seed
        if len(self._items) < 2:
            raise UsageError(f"training needs at least two classes, got {len(self._items)}")
        if self._classes_per_batch < 2:
            raise UsageError(
                f"batch_size {batch_size} with images_per_class {images_per_class} holds fewer than "
                "two classes; raise the batch size"
            )

    def batch(self, step: int) -> NDArray[np.int64]:
        """Positions (into ``labels``) of the items of one step."""
        rng = np.random.default_rng(derived_seed("batch", self._seed, step))
        classes = rng.choice(len(self._items), self._classes_per_batch, replace=False)
        return np.concatenate([self._draw(rng, self._items[c]) for c in classes])

    def _draw(self, rng: np.random.Generator, items: NDArray[np.int64]) -> NDArray[np.int64]:
        m = self._images_per_class
        if len(items) >= m:
            return rng.choice(items, m, replace=False)
        return np.concatenate([items, rng.choice(items, m - len(items), replace=True)])
