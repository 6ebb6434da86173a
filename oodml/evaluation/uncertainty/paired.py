"""Is method A better than method B on the same queries?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from oodml.core.errors import UsageError
from oodml.evaluation.uncertainty.bootstrap import interval
from oodml.evaluation.uncertainty.class_sums import (
    Average,
    ClassSums,
    check_settings,
    class_sums,
    resampled_weights,
)
from oodml.evaluation.uncertainty.estimates import Estimate
from oodml.evaluation.uncertainty.seed_draws import seed_shares, seeds_text
from oodml.evaluation.uncertainty.sign_flips import sign_flip_p_values


@dataclass(frozen=True)
class PermutationTest:
    """A p-value with the name of its test and the number of exchangeable units."""

    p_value: float
    test: str
    n: int


def paired_bootstrap(
    first: Any,
    second: Any,
    labels: Any,
    *,
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    paired_seeds: bool = True,
) -> Estimate:
    """Interval of the difference ``first - second``, resampling classes and, if there are, seeds.

    Args:
        first, second: per-query values [Q], or [seeds, Q], on the same queries.
        labels: class of each query [Q].
        paired_seeds: seed i of both methods is drawn together (same splits, batches and
            initialisation); False draws them apart. Different numbers of seeds need False.

    Percentile interval; n is the number of classes. Of S seeds S - 1 are drawn (`seed_shares`), which
    mends the bootstrap's shortness at few seeds. Measured with 50 classes: where classes matter most
    it covers 0.94 / 0.96 / 0.96 of the time at 2 / 3 / 5 seeds; where trainings differ about as much
    as the mean over classes does, 0.91 / 0.94 / 0.96; where they differ far more, 0.81 / 0.91 / 0.94,
    for nothing can be learnt of the spread of trainings from two. With one seed the trainings are
    taken as given.
    """
    return paired_bootstrap_of(
        class_sums(first, labels),
        class_sums(second, labels),
        average=average,
        level=level,
        resamples=resamples,
        seed=seed,
        paired_seeds=paired_seeds,
    )


def paired_bootstrap_of(
    first: ClassSums,
    second: ClassSums,
    *,
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
    paired_seeds: bool = True,
) -> Estimate:
    """`paired_bootstrap` of class sums of the same queries, one run a seed.

    >>> first = class_sums([1, 1, 1, 1, 1, 0], list("aabbcc"))
    >>> second = class_sums([1, 0, 1, 1, 0, 0], list("aabbcc"))
    >>> found = paired_bootstrap_of(first, second, resamples=200)
    >>> round(found.value, 4), found.estimator
    (0.3333, 'paired percentile bootstrap over 3 classes, 200 resamples')
    """
    check_settings(level, resamples, average)
    left, right = first, second.fitted_to(first)
    seeds = (len(left.sums), len(right.sums))
    if paired_seeds and seeds[0] != seeds[1]:
        raise UsageError(f"{seeds[0]} and {seeds[1]} seeds: pass paired_seeds=False")
    random = np.random.default_rng(seed)
    point = float(left.estimate(average).mean() - right.estimate(average).mean())
    replicates = []
    for weights in resampled_weights(len(left.counts), resamples, random):
        shares = seed_shares(seeds[0], len(weights), random)
        others = shares if paired_seeds else seed_shares(seeds[1], len(weights), random)
        a = (left.statistic(weights, average) * shares).sum(axis=1)
        b = (right.statistic(weights, average) * others).sum(axis=1)
        replicates.append(a - b)
    runs = seeds_text(seeds[0]) if paired_seeds else seeds_text(*seeds)
    units = f"{len(left.counts)} classes{runs}"
    low, high = interval(np.concatenate(replicates), point, level)
    name = f"paired percentile bootstrap over {units}, {resamples} resamples"
    return Estimate(point, low, high, level, len(left.counts), name)


def permutation_test(
    first: Any,
    second: Any,
    labels: Any,
    *,
    over: Literal["classes", "seeds"] = "classes",
    average: Average = "micro",
    resamples: int = 10_000,
    seed: int = 0,
) -> PermutationTest:
    """Two-sided paired permutation test: are the methods exchangeable?

    Swaps the two methods class by class (``over="classes"``: would other test classes agree? The
    trained models are taken as given, seeds averaged) or seed by seed (``over="seeds"``: would
    other trainings agree? With S seeds p is at least 2 ** (1 - S)). Exact for up to 14 units, otherwise
    random swaps with p = (1 + hits) / (1 + resamples) (Phipson and Smyth 2010).
    """
    return permutation_test_of(
        class_sums(first, labels),
        class_sums(second, labels),
        over=over,
        average=average,
        resamples=resamples,
        seed=seed,
    )


def permutation_test_of(
    first: ClassSums,
    second: ClassSums,
    *,
    over: Literal["classes", "seeds"] = "classes",
    average: Average = "micro",
    resamples: int = 10_000,
    seed: int = 0,
) -> PermutationTest:
    """`permutation_test` of class sums of the same queries, one run a seed.

    >>> first = class_sums([1, 1, 1, 1, 1, 0], list("aabbcc"))
    >>> second = class_sums([1, 0, 1, 1, 0, 0], list("aabbcc"))
    >>> permutation_test_of(first, second)
    PermutationTest(p_value=0.5, test='exact paired permutation over classes', n=3)
    """
    check_settings(0.95, resamples, average)
    left, right = first, second.fitted_to(first)
    if over == "classes":
        gap = left.sums.mean(axis=0) - right.sums.mean(axis=0)
        contributions = gap / left.counts if average == "macro" else gap
    elif over == "seeds":
        if len(left.sums) != len(right.sums):
            raise UsageError("over='seeds' pairs the seeds: both methods need the same number")
        contributions = left.estimate(average) - right.estimate(average)
    else:
        raise UsageError(f"over {over!r}: expected classes or seeds")
    p, kind = sign_flip_p_values(contributions, resamples, np.random.default_rng(seed))
    return PermutationTest(float(p), f"{kind} paired permutation over {over}", len(contributions))
