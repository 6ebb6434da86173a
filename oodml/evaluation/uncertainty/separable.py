"""Which methods can be told apart from the best one?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import Generic, TypeVar

import numpy as np

from oodml.core.errors import UsageError
from oodml.evaluation.uncertainty.class_sums import Average, ClassSums, check_settings
from oodml.evaluation.uncertainty.corrections import adjust_p_values
from oodml.evaluation.uncertainty.estimates import Estimate
from oodml.evaluation.uncertainty.paired import paired_bootstrap_of
from oodml.evaluation.uncertainty.sign_flips import sign_flip_p_values

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Separation(Generic[K]):
    """One method against the best.

    Attributes:
        best: label of the best, whose own row compares it with itself.
        difference: this method's mean less the best's, with an interval that is not adjusted for
            the number of methods.
        p_value: of exchanging the two class by class, Holm-adjusted over all pairs of methods.
        separable: whether the adjusted p is at most 1 - level.
    """

    best: K
    difference: Estimate
    p_value: float
    separable: bool


def separable_from_best(
    methods: Mapping[K, ClassSums],
    *,
    higher_is_better: bool = True,
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    paired_seeds: bool = True,
) -> dict[K, Separation[K]]:
    """For each method, whether it is behind the best by more than other test classes would undo.

    The best is the method of highest (or lowest) mean over runs; of equal ones the first.

    *The question answered*: would **other test classes** like these put the two in the same order?
    The trained models are taken as given, runs (seeds) averaged. *Not answered*: whether other
    trainings would. The interval of the difference draws the runs as well where there are several,
    so it speaks of both, but few runs say little (`permutation_test_of` with ``over="seeds"``); and
    "not separable" says that the data do not tell, not that the methods are equally good.

    *Correction.* The best is chosen by the scores it is then compared on, so any pair could have
    been asked about: p-values are adjusted by Holm's procedure over all M (M - 1) / 2 pairs. (Over
    M - 1 only, ten equally good methods would show a separable one in one case of six.) At
    least 2 / (1 - level) sign vectors are drawn for each pair, so that the correction leaves the
    smallest p significant.

    Args:
        methods: label -> class sums [seeds, C] of the same queries.
        level: confidence of the intervals; 1 - level is the significance level.
        paired_seeds: see `paired_bootstrap`.

    Raises:
        UsageError: no method, or seeds that do not pair.
        DataError: methods that do not score the same queries.

    >>> from oodml.evaluation.uncertainty.class_sums import class_sums
    >>> classes = [name for name in "abcdefghij" for _ in range(5)]
    >>> good, twin, bad = ([value] * 50 for value in (0.9, 0.9, 0.4))
    >>> scores = {"good": good, "twin": twin, "bad": bad}
    >>> found = separable_from_best({k: class_sums(v, classes) for k, v in scores.items()})
    >>> [(label, round(one.p_value, 4), one.separable) for label, one in found.items()]
    [('good', 1.0, False), ('twin', 1.0, False), ('bad', 0.0059, True)]
    """
    check_settings(level, resamples, average)
    if not methods:
        raise UsageError("methods: give at least one")
    labels = list(methods)
    first = methods[labels[0]]
    sums = [methods[label].fitted_to(first) for label in labels]
    means = np.array([one.estimate(average).mean() for one in sums])
    best = int(np.argmax(means) if higher_is_better else np.argmin(means))
    pairs = list(combinations(range(len(sums)), 2))
    draws = max(resamples, ceil(2 * len(pairs) / (1 - level)))
    p_values = _p_values_with(best, sums, average, pairs, draws, seed)
    result = {}
    for label, one, p_value in zip(labels, sums, p_values, strict=True):
        difference = paired_bootstrap_of(
            one,
            sums[best],
            average=average,
            level=level,
            resamples=resamples,
            seed=seed,
            paired_seeds=paired_seeds,
        )
        result[label] = Separation(labels[best], difference, p_value, p_value <= 1 - level)
    return result


def _p_values_with(
    best: int,
    sums: list[ClassSums],
    average: Average,
    pairs: list[tuple[int, int]],
    draws: int,
    seed: int,
) -> list[float]:
    """Adjusted p of each method against the best, 1 for the best itself."""
    result = [1.0] * len(sums)
    if not pairs:
        return result
    by_class = np.stack([one.sums.mean(axis=0) for one in sums])  # [M, C]
    left, right = (list(side) for side in zip(*pairs, strict=True))
    gaps = by_class[left] - by_class[right]
    if average == "macro":
        gaps = gaps / sums[0].counts
    p_values, _ = sign_flip_p_values(gaps.T, draws, np.random.default_rng(seed))
    for pair, p_value in zip(pairs, adjust_p_values(p_values), strict=True):
        if best in pair:
            result[pair[0] if pair[1] == best else pair[1]] = float(p_value)
    return result
