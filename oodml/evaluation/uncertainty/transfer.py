"""The transfer share: how much of what could be learnt on the test classes is learnt elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml.evaluation.uncertainty.class_sums import (
    Average,
    ClassSums,
    check_settings,
    resampled_weights,
)
from oodml.evaluation.uncertainty.estimates import Estimate
from oodml.evaluation.uncertainty.seed_draws import seed_shares, seeds_text


@dataclass(frozen=True)
class TransferShare:
    """What training elsewhere brings, of what training on the test classes themselves would.

    Attributes:
        share: gain / room, 1 = as much as the ceiling, 0 = nothing over frozen. Its interval is NaN
            where it is not decidable, and its value NaN where there is no room at all.
        gain: method - frozen, in the metric's unit.
        room: ceiling - frozen, in the metric's unit.
        decidable: whether the interval of the room lies above 0. Without room a share has no
            meaning, and a ratio to a number that may be 0 has no finite interval.
    """

    share: Estimate
    gain: Estimate
    room: Estimate
    decidable: bool


def transfer_share(
    method: ClassSums,
    ceiling: ClassSums,
    frozen: ClassSums,
    *,
    higher_is_better: bool = True,
    average: Average = "micro",
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> TransferShare:
    """(method - frozen) / (ceiling - frozen), a ratio of means over seeds, with intervals.

    All three are scored on the same images: ``ceiling`` was trained on other images of these
    classes, ``method`` on other classes, ``frozen`` not at all.

    *Interval*: percentile bootstrap. The same draw of classes counts for all three, since a hard
    class is hard for each of them. Seeds are drawn too, for another training would give another
    share; those of method and ceiling apart, for they are different trainings. S - 1 of S seeds are
    drawn (`seed_shares`). A draw of classes without room counts as a share without bound, of the
    sign of its gain.

    *Measured* with 10 to 100 classes, the interval covers 0.94 to 0.96 of the time at 2, 3 and 5
    seeds; where trainings differ twice as much, 0.84 to 0.95, least at two seeds and 100 classes. One
    seed says nothing of other trainings, and 0.67 to 0.88 are covered.

    Args:
        method, ceiling: class sums [seeds, C]; the two may have different numbers of seeds.
        frozen: class sums [1, C]; more runs are averaged.
        higher_is_better: False turns gain and room around, so that both are positive where
            training helps.

    Raises:
        DataError: the three do not score the same queries.

    >>> names = tuple("abcd")
    >>> values = ([[4.0, 3, 4, 3]], [[5.0, 5, 6, 4]], [[2.0, 1, 2, 1]])
    >>> ones = (ClassSums(np.array(one), np.full(4, 10.0), names) for one in values)
    >>> found = transfer_share(*ones, resamples=500)
    >>> round(found.share.value, 4), found.decidable, found.share.n
    (0.5714, True, 4)
    """
    check_settings(level, resamples, average)
    top, base = ceiling.fitted_to(method), frozen.fitted_to(method).mean_run()
    classes = len(method.names)
    sign = 1.0 if higher_is_better else -1.0
    random = np.random.default_rng(seed)
    gains: list[NDArray[np.float64]] = []
    rooms: list[NDArray[np.float64]] = []
    for weights in resampled_weights(classes, resamples, random):
        least = base.statistic(weights, average)[:, 0]
        for one, into in ((method, gains), (top, rooms)):
            drawn = seed_shares(len(one.sums), len(weights), random)
            into.append(sign * ((one.statistic(weights, average) * drawn).sum(axis=1) - least))
    gain, room = np.concatenate(gains), np.concatenate(rooms)
    low = float(base.estimate(average)[0])
    gained = sign * (float(method.estimate(average).mean()) - low)
    possible = sign * (float(top.estimate(average).mean()) - low)

    def estimate(value: float, replicates: NDArray[np.float64] | None, *runs: int) -> Estimate:
        ends = (np.nan, np.nan) if replicates is None or classes < 2 else _ends(replicates, level)
        units = f"{classes} classes{seeds_text(*runs)}"
        name = f"percentile bootstrap over {units}, {resamples} resamples"
        return Estimate(value, *ends, level, classes, name)

    counts = (len(method.sums), len(top.sums))
    room_estimate = estimate(possible, room, counts[1])
    decidable = room_estimate.low > 0  # False for NaN
    return TransferShare(
        estimate(
            gained / possible if possible else float("nan"),
            _ratios(gain, room) if decidable else None,
            *counts,
        ),
        estimate(gained, gain, counts[0]),
        room_estimate,
        decidable,
    )


def _ratios(gain: NDArray[np.float64], room: NDArray[np.float64]) -> NDArray[np.float64]:
    """gain / room, without bound where there is no room."""
    unbounded = np.copysign(np.inf, gain)
    return np.divide(gain, room, out=unbounded, where=room > 0)


def _ends(replicates: NDArray[np.float64], level: float) -> tuple[float, float]:
    # a drawn value, not one between two: an unbounded share would make any mixture unbounded
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(replicates, tails, method="inverted_cdf")
    return float(low), float(high)
