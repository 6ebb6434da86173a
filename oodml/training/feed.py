"""Feed: the batches of a training run, step by step, the next one loading while this one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.core.randomness import kept_randomness, seed_all
from oodml.methods import BatchRule, Drawn
from oodml.training.sources import ItemSource, training_slice


@dataclass(frozen=True)
class Batch:
    """The rows of one update, on the CPU; see `oodml.methods.Step` for shapes and meaning.

    ``inputs`` may be a share of them, the rest is of all rows.
    """

    number: int
    inputs: Tensor
    labels: Tensor
    items: Tensor
    views: Tensor
    support: Tensor | None


class Feed:
    """What a run trains on and in which batches, as a pure function of the seed.

    Args:
        source: gives inputs by item.
        items: int64 [n], items of ``source`` to train on.
        labels: int64 [n], their classes as 0..C-1.
        rule: which of them an update sees.
        size: rows of an update, all views together.
        seed: of every random choice of the run.

    Raises:
        UsageError: too few classes or items for the rule; views of a source that does not augment.
    """

    def __init__(
        self,
        source: ItemSource,
        items: NDArray[np.int64],
        labels: NDArray[np.int64],
        rule: BatchRule,
        size: int,
        seed: int,
    ) -> None:
        if rule.views > 1 and not source.augments:
            raise UsageError(
                f"batch rule {rule.name!r} shows {rule.views} views of each image, but cached "
                'features have no views; use training.mode "network" (and an augmentation other '
                'than "none")'
            )
        self.source = source
        self.items = items
        self.labels = labels
        self.seed = seed
        self._views = rule.views
        with kept_randomness():  # a rule may be anybody's code
            seed_all(derived_seed("batches", seed))
            self._draw = rule.open(labels, size, seed)

    def steps(self, numbers: range, share: Callable[[int], slice] | None = None) -> Iterator[Batch]:
        """The batches of these steps, in order.

        Args:
            share: of how many rows there are, those whose inputs are wanted; None for all.

        Only the inputs load in another thread: a rule that draws from a global generator would
        there be in a race with the loss. Inputs that are only copied are not worth a thread: the
        hand-over takes longer, most of all where other processes keep the cores busy.
        """
        if getattr(self.source, "immediate", False):
            yield from (self._loaded(one, self._drawn(one), share) for one in numbers)
            return
        with ThreadPoolExecutor(1) as pool:
            pending = self._started(pool, numbers.start, share) if len(numbers) else None
            for number in numbers:
                assert pending is not None
                batch = pending.result()
                following = number + 1
                pending = None
                if following < numbers.stop:
                    pending = self._started(pool, following, share)
                yield batch

    def _started(
        self, pool: ThreadPoolExecutor, number: int, share: Callable[[int], slice] | None
    ) -> Future[Batch]:
        return pool.submit(self._loaded, number, self._drawn(number), share)

    def batch(self, number: int) -> Batch:
        """The batch of step ``number``."""
        return self._loaded(number, self._drawn(number))

    def _drawn(self, number: int) -> Drawn:
        # the loop seeds anew before it draws, so that nothing need be kept from one to the other
        seed_all(derived_seed("batch", self.seed, number))
        return self._draw(number)

    def _loaded(
        self, number: int, drawn: Drawn, share: Callable[[int], slice] | None = None
    ) -> Batch:
        positions = np.tile(drawn.positions, self._views)
        items = self.items[positions]
        seed = derived_seed("inputs", self.seed, number)
        inputs = (
            self.source.training_batch(items, seed)
            if share is None
            else training_slice(self.source, items, seed, share(len(items)))
        )
        support = None if drawn.support is None else np.tile(drawn.support, self._views)
        return Batch(
            number=number,
            inputs=inputs,
            labels=torch.from_numpy(self.labels[positions]),
            items=torch.from_numpy(items),
            views=torch.arange(self._views).repeat_interleave(len(drawn.positions)),
            support=None if support is None else torch.from_numpy(support),
        )
