"""Classes and images drawn with replacement, as the ooDML authors' released code does."""

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


@register_batch_rule("with-replacement")
class WithReplacement(BatchRule):
    """size // images_per_class draws of a class, and in each of images, all with replacement.

    A class can occur twice in a batch and two of its images can be the same. Source: released code
    of Milbich et al., NeurIPS 2021.
    """

    images_per_class = Parameter(2, "images of a drawn class", minimum=1)

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        items = items_by_class(labels)
        draws = size // self.images_per_class
        if draws < 2:
            raise UsageError(
                f"batch_size {size} with images_per_class {self.images_per_class} holds fewer "
                "than two classes; raise the batch size"
            )

        def draw(step: int) -> Drawn:
            rng = batch_generator(seed, step)
            chosen = rng.integers(0, len(items), draws)
            drawn = [rng.choice(items[c], self.images_per_class) for c in chosen]
            return Drawn(np.concatenate(drawn))

        return draw
