"""Choosing the levels of a ladder among the partitions a generator met."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oodml.core.errors import DataError, UsageError
from oodml.shift.generators.problem import Partition

# Shifts closer than this (relative) count as one: they would not survive another processor.
_SAME = 1e-6


def same_shift(one: float, other: float) -> bool:
    """Whether two shifts are too near to tell apart."""
    return abs(other - one) <= _SAME * max(one, other)


def spaced_targets(lowest: float, highest: float, levels: int) -> tuple[float, ...]:
    """``levels`` values evenly spaced from easiest to hardest; one level: the hardest."""
    if levels == 1:
        return (highest,)
    return tuple(float(value) for value in np.linspace(lowest, highest, levels))


def place_levels(
    found: Sequence[Partition], levels: int, targets: Sequence[float] | None
) -> list[tuple[Partition, float]]:
    """For each target the partition that serves it, shift growing strictly.

    Minimises the sum of |shift - target| over all strictly growing choices (dynamic programme).

    Raises:
        UsageError: fewer distinct shifts were reached than levels are wanted.
        DataError: no shift at all: the class means are all alike.
    """
    distinct = _distinct(found)
    if distinct[-1].shift <= 0.0:
        raise DataError(
            "the classes do not differ: every partition has shift 0 (constant features?); "
            "look at the backbone and its preprocessing"
        )
    if len(distinct) < levels:
        raise UsageError(
            f"{levels} levels wanted but only {len(distinct)} different shifts reached; "
            "ask for fewer levels, more iterations, or more classes"
        )
    shifts = np.array([p.shift for p in distinct])
    wanted = spaced_targets(shifts[0], shifts[-1], levels) if targets is None else tuple(targets)
    cost = np.abs(shifts[None, :] - np.array(wanted)[:, None])
    best = cost[0].copy()
    came = np.zeros((levels, len(shifts)), dtype=np.intp)
    for level in range(1, levels):
        # Cheapest choice of the level below among strictly smaller shifts.
        lowest = np.minimum.accumulate(best)
        argument = np.where(best == lowest, np.arange(len(best)), 0)
        argument = np.maximum.accumulate(argument)
        came[level, 1:] = argument[:-1]
        best = np.concatenate([[np.inf], lowest[:-1]]) + cost[level]
    chosen = [int(np.argmin(best))]
    for level in range(levels - 1, 0, -1):
        chosen.append(int(came[level, chosen[-1]]))
    return [(distinct[i], wanted[level]) for level, i in enumerate(reversed(chosen))]


def _distinct(found: Sequence[Partition]) -> list[Partition]:
    """Sorted by shift; among equal shifts the one met first (so the start wins)."""
    kept: list[Partition] = []
    for partition in sorted(found, key=lambda p: p.shift):
        if kept and same_shift(kept[-1].shift, partition.shift):
            continue
        kept.append(partition)
    return kept
