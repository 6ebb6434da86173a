"""Episodes: support and query items of a few classes."""

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


@register_batch_rule("episodes")
class Episodes(BatchRule):
    """``support`` + ``query`` different items of each of size // (support + query) classes.

    Classes with too few items for both are left out. With ``classes`` set, so many classes are
    drawn whatever the batch size.
    """

    roles = True

    classes = Parameter(0, "classes of an episode; 0: as many as fit the batch", minimum=0)
    support = Parameter(2, "support items of a class", minimum=1)
    query = Parameter(2, "query items of a class", minimum=1)

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        each = self.support + self.query
        items = [one for one in items_by_class(labels) if len(one) >= each]
        classes = min(self.classes or size // each, len(items))
        if classes < 2:
            raise UsageError(
                f"an episode of {self.support} support and {self.query} query items needs two "
                f"classes with {each} items and a batch of {2 * each}; {len(items)} classes have "
                f"them, batch_size is {size}"
            )
        support = np.tile(np.arange(each) < self.support, classes)

        def draw(step: int) -> Drawn:
            rng = batch_generator(seed, step)
            chosen = rng.choice(len(items), classes, replace=False)
            drawn = [rng.choice(items[c], each, replace=False) for c in chosen]
            return Drawn(np.concatenate(drawn), support)

        return draw

    def on_support(self, shots: int) -> BatchRule:
        """A quarter of the shots (at least one) are queries, as Scott et al. 2018 adapt."""
        query = max(1, shots - int(0.75 * shots))
        return self.replaced(classes=0, support=max(1, shots - query), query=query)
