"""Two augmented views of each drawn item: contrastive self-supervised learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.methods.batch_rule import BatchRule, Draw, Drawn, batch_generator, register_batch_rule


@register_batch_rule("two-views")
class TwoViews(BatchRule):
    """size // 2 items drawn without replacement, whatever their class, each in two views."""

    views = 2

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        count = min(size // 2, len(labels))
        if count < 2:
            raise UsageError(
                f"batch_size {size} with {len(labels)} items: two views need at least two items"
            )

        def draw(step: int) -> Drawn:
            return Drawn(batch_generator(seed, step).choice(len(labels), count, replace=False))

        return draw
