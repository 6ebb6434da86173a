"""Class removal: past what swapping can reach, as a stage after any generator.

The classes of each side whose removal raises the distance most are deleted one after the other,
one from each side in turn, by the true distance. The gallery shrinks, so levels made this way
come with size-matched controls.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from oodml.core.errors import UsageError
from oodml.shift.distance.gram import Index
from oodml.shift.distance.swap_values import move_moments
from oodml.shift.generators.large import Moments, needs_large
from oodml.shift.generators.problem import Partition, Problem

# Deletions priced exactly in each step, best by mean and trace terms first.
_SHORTLIST = 24


def removal_stage(problem: Problem, hardest: Partition, classes: int) -> Iterator[Partition]:
    """Partitions after deleting 1 .. ``classes`` units from each side of the hardest partition.

    Pinned classes stay. Ends early when a side would fall below two classes.

    Raises:
        UsageError: ``classes`` is not smaller than the sides.
    """
    if classes >= min(len(hardest.left), len(hardest.right)):
        raise UsageError(
            f"remove_classes is {classes}, but the sides have {len(hardest.left)} and "
            f"{len(hardest.right)} classes"
        )
    if needs_large(problem):
        yield from _remove_large(problem, hardest, classes)
        return
    sides = [_units_of(problem, hardest.left), _units_of(problem, hardest.right)]
    for step in range(1, classes + 1):
        for side in (0, 1):
            victim = _worst(problem, sides, side)
            if victim is None:
                return
            sides[side] = sides[side][sides[side] != victim]
        left, right = (_classes(problem, units) for units in sides)
        yield problem.partition(left, right, "removal", step)


def _units_of(problem: Problem, side: Index) -> Index:
    members = set(side.tolist())
    chosen = [u for u, unit in enumerate(problem.units) if set(unit.tolist()) <= members]
    return np.array(chosen, dtype=np.intp)


def _classes(problem: Problem, units: Index) -> Index:
    return np.sort(np.concatenate([problem.units[unit] for unit in units]))


def _worst(problem: Problem, sides: list[Index], side: int) -> int | None:
    """The unit of one side whose deletion leaves the greatest distance."""
    own, other = sides[side], sides[1 - side]
    sizes = np.array([len(unit) for unit in problem.units])
    free = np.array(
        [
            unit
            for unit in own
            if not problem.fixed[problem.units[unit]].any() and sizes[own].sum() - sizes[unit] >= 2
        ],
        dtype=np.intp,
    )
    if not len(free):
        return None
    member = np.zeros((len(problem.units) + 1, len(problem.means)))
    for number, unit in enumerate(problem.units):
        member[number, unit] = 1.0
    gram = problem.means.gram
    values = move_moments(
        member @ gram @ member.T,
        member @ gram.diagonal(),
        np.append(sizes, 0),
        own,
        other,
        free,
        np.array([-1]),
    )[:, 0]
    fixed_side = _classes(problem, other)
    best, chosen = -np.inf, None
    for unit in free[np.argsort(-values, kind="stable")[:_SHORTLIST]]:
        rest = _classes(problem, own[own != unit])
        value = problem.means.frechet(rest, fixed_side)
        if value > best:
            best, chosen = value, int(unit)
    return chosen


def _remove_large(problem: Problem, hardest: Partition, classes: int) -> Iterator[Partition]:
    """Deletes a twentieth of the wanted classes at a time: those nearest to the other side."""
    left, right = hardest.left, hardest.right
    done = 0
    while done < classes:
        count = min(max(1, classes // 20), classes - done)
        moments = Moments.of(problem.means, left, right)
        along = problem.means.means @ moments.gap()
        free = ~problem.fixed
        left = _without(left, free, along, count)
        right = _without(right, free, -along, count)
        done += count
        yield problem.partition(left, right, "removal", done)


def _without(side: Index, free: np.ndarray, along: np.ndarray, count: int) -> Index:
    ranked = side[free[side]]
    victims = ranked[np.argsort(along[ranked], kind="stable")[:count]]
    return np.setdiff1d(side, victims)
