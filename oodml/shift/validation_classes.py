"""The validation classes of a training side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oodml.core.hashing import derived_seed


def split_validation(
    names: Sequence[str], fraction: float, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training classes split by class into (train, val), both sorted.

    Classes are ranked by a seeded hash of their name, so a class that stays on the training side
    mostly stays in its part from level to level. ceil(fraction * n) go to val, as in the papers
    (98 classes: 73 and 25), but at least one class stays in train.
    """
    # The rounding takes out float noise such as 0.1 * 30 = 3.0000000000000004.
    count = min(int(np.ceil(round(fraction * len(names), 9))), len(names) - 1)
    ranked = sorted(names, key=lambda name: (derived_seed("validation class", seed, name), name))
    return tuple(sorted(ranked[count:])), tuple(sorted(ranked[:count]))
