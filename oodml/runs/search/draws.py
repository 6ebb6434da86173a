"""Values of a trial, drawn at random from ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oodml.core.hashing import derived_seed
from oodml.runs.search.ranges import Range

History = Sequence[tuple[dict[str, Any], float]]
"""Values and score of the trials before."""


def drawn(
    ranges: Mapping[str, Range], seed: int, method: str, trial: int, history: History = ()
) -> dict[str, Any]:
    """Values of one trial; each depends on (seed, method, its own name, trial) alone.

    So a parameter or a method more moves no other's values, and neither do more trials.

    >>> one = drawn({"margin": Range(0.0, 1.0)}, 0, "triplet", 1)
    >>> two = drawn({"margin": Range(0.0, 1.0), "rate": Range(1e-5, 1.0, True)}, 0, "triplet", 1)
    >>> one["margin"] == two["margin"]
    True
    """
    return {name: one.at(_share(seed, method, name, trial)) for name, one in ranges.items()}


def _share(seed: int, method: str, name: str, trial: int) -> float:
    return float(np.random.default_rng(derived_seed("search", seed, method, name, trial)).random())
