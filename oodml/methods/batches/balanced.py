"""Batches of every class: the rule of Adapted Deep Embeddings (Scott et al., NeurIPS 2018)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.hashing import derived_seed
from oodml.methods.batch_rule import BatchRule, Draw, Drawn, items_by_class, register_batch_rule


@register_batch_rule("balanced")
class Balanced(BatchRule):
    """int(size / n) items of each of all n classes, at least 2; a class with fewer gives all it has.

    Each epoch goes through every class in an order of its own, a class that is through begins
    again. With more classes than half the size a batch is larger than ``size``: that is the
    paper's rule, which sets 2 a class there.
    """

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        items = items_by_class(labels)
        each = _each(size, len(items))
        batches = _batches(items, each)
        order: dict[int, list[NDArray[np.int64]]] = {}  # of the epoch that is being drawn

        def draw(step: int) -> Drawn:
            epoch, number = divmod(step, batches)
            if epoch not in order:
                order.clear()
                rng = np.random.default_rng(derived_seed("epoch", seed, epoch))
                order[epoch] = [rng.permutation(one) for one in items]
            return Drawn(np.concatenate([_slice(one, each, number) for one in order[epoch]]))

        return draw

    def epoch(self, labels: NDArray[np.int64], size: int) -> int:
        items = items_by_class(labels)
        return _batches(items, _each(size, len(items)))


def _each(size: int, classes: int) -> int:
    return max(2, size // classes)


def _batches(items: list[NDArray[np.int64]], each: int) -> int:
    return max(-(-len(one) // each) for one in items)


def _slice(items: NDArray[np.int64], each: int, number: int) -> NDArray[np.int64]:
    if len(items) <= each:
        return items
    places = np.arange(number * each, (number + 1) * each) % len(items)
    return items[places]
