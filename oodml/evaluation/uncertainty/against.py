"""Which methods differ from one reference, over several sets of queries at once?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import ceil
from typing import TypeVar

import numpy as np

from oodml.core.errors import UsageError
from oodml.evaluation.uncertainty.class_sums import Average, ClassSums, check_settings
from oodml.evaluation.uncertainty.corrections import adjust_p_values
from oodml.evaluation.uncertainty.sign_flips import sign_flip_p_values

K = TypeVar("K", bound=Hashable)


def p_values_against(
    pairs: Mapping[K, tuple[ClassSums, ClassSums]],
    *,
    average: Average = "micro",
    significance: float = 0.05,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[K, float]:
    """Two-sided p of each pair (method, reference), Holm-adjusted over all of them.

    Each is the permutation test over classes of `permutation_test_of`: would other test classes
    agree? Trainings are taken as given, seeds averaged. At least 2 * pairs / significance sign
    vectors are drawn, so that the correction leaves the smallest p significant.

    Args:
        pairs: key, for instance (method, level), -> two class sums of the same queries.

    Raises:
        DataError: a pair that does not score the same queries.

    >>> names, counts = tuple("abcdefghij"), np.full(10, 5.0)
    >>> good, bad = (ClassSums(np.full((1, 10), v), counts, names) for v in (4.0, 2.0))
    >>> p_values_against({"bad": (bad, good), "same": (good, good)})
    {'bad': 0.00390625, 'same': 1.0}
    """
    check_settings(1 - significance, resamples, average)
    if not pairs:
        raise UsageError("pairs: give at least one")
    draws = max(resamples, ceil(2 * len(pairs) / significance))
    found = []
    for first, second in pairs.values():
        gap = first.sums.mean(axis=0) - second.fitted_to(first).sums.mean(axis=0)
        if average == "macro":
            gap = gap / first.counts
        p_value, _ = sign_flip_p_values(gap, draws, np.random.default_rng(seed))
        found.append(float(p_value))
    return dict(zip(pairs, map(float, adjust_p_values(found)), strict=True))
