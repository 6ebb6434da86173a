"""Generator ``target``: levels at wanted shifts, constant class and near-constant image counts.

It searches as ``steepest`` does (several swaps at once while far from the ends) for the hardest
partition it can reach from the start, from a leap and from random partitions within the same
limits, and down to the easiest. The partition nearest to each target is then moved until its
distance meets it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from oodml.core.progress import progress_task
from oodml.shift.distance.gram import Float
from oodml.shift.generators.base import Generator, register_generator
from oodml.shift.generators.climbing import (
    SearchOptions,
    climb,
    easier,
    harder,
    make_search,
    origins,
    partition_of,
    run_of,
)
from oodml.shift.generators.large import large_search, large_start, moved, needs_large
from oodml.shift.generators.mass_swap import exchange
from oodml.shift.generators.problem import Partition, Problem
from oodml.shift.generators.search import Search

DEFAULT_IMAGE_TOLERANCE = 0.05
# A level is moved on until it is this near (relative), ten times nearer than promised.
_NEAR = 1e-3
_MOST_STEPS = 12
# How much harder another end must be to leave the path through the start.
_WORTH = 1.01
# A path with fewer partitions than this a level is widened by its neighbours, so many of each.
_PARTITIONS_A_LEVEL = 4
_NEIGHBOURS = 64


@register_generator("target")
class Target(SearchOptions, Generator):
    """Levels at target shifts within 1 %, constant class counts, near-constant image counts.

    The ends are found with several swaps a step and without the last thousandths of a local
    optimum, which a ladder does not need (``swaps_per_step``, ``min_gain``), and from further
    starting points, because single swaps from one start can get stuck far below the hardest split
    (``leap``, ``restarts``).
    """

    swaps_per_step = SearchOptions.swaps_per_step.with_default(None)
    restarts = SearchOptions.restarts.with_default(1)
    min_gain = SearchOptions.min_gain.with_default(1e-3)

    def adjusted(self, problem: Problem) -> Problem:
        """Image counts are kept near their start unless told otherwise."""
        if problem.image_tolerance is not None:
            return problem
        return replace(problem, image_tolerance=DEFAULT_IMAGE_TOLERANCE)

    def search(self, problem: Problem) -> list[Partition]:
        if needs_large(problem):
            return large_search(problem)
        search = make_search(problem, self)
        start = search.start()
        with progress_task("searching swaps") as task:
            runs: list[list[Partition]] = []
            for origin in origins(search, start, self):
                path = [] if origin.name else [partition_of(search, start, "start", 0)]
                for partition in run_of(search, origin, "harder", harder, self):
                    path.append(partition)
                    task.advance()
                runs.append(path)
            ends = [max(path, key=lambda partition: partition.shift) for path in runs]
            best = max(ends, key=lambda partition: partition.shift)
            # Levels come from one path, so that from level to level few classes move: through the
            # start if its own climb is as good as any, else down from the hardest partition.
            found = runs[0]
            below = start
            if best.shift > _WORTH * ends[0].shift:
                found = [best]
                below = search.state(best.left, best.right)
            for step, state in climb(search, below, easier, self):
                found.append(partition_of(search, state, "easier", step))
                task.advance()
            if len(found) < _PARTITIONS_A_LEVEL * problem.levels:
                found += _neighbours(search, found)
        return found

    def refined(self, problem: Problem, near: Partition, target: float) -> Partition:
        """Move a partition until its shift is within a thousandth of ``target``, if swaps allow."""
        if abs(near.shift - target) <= _NEAR * target:
            return near
        if needs_large(problem):
            return _refine_large(problem, near, target)
        # Counts are held near the start's, or where classes were removed near the level's own.
        removed = len(near.left) + len(near.right) < len(problem.left) + len(problem.right)
        reference = near if removed else problem
        search = Search(
            problem,
            reference.left,
            reference.right,
            image_tolerance=problem.image_tolerance,
            class_tolerance=self.class_tolerance,
            shortlist=self.shortlist,
        )

        def nearness(values: Float) -> Float:
            return -np.abs(values - target)

        state = search.state(near.left, near.right)
        for _ in range(_MOST_STEPS):
            best = search.best(state, nearness)
            if best is None or abs(best.value - target) >= abs(state.value - target):
                break
            state = best
            if abs(state.value - target) <= _NEAR * target:
                break
        return partition_of(search, state, near.stage, near.step)


def _refine_large(problem: Problem, near: Partition, target: float) -> Partition:
    """Exchange a part of the best exchange, its size found by secant steps."""
    # Image counts are held where they are: a level with classes removed has fewer than the start.
    problem = replace(problem, left=near.left, right=near.right)
    state = large_start(problem, near.left, near.right)
    sign = 1 if target > state.value else -1
    most = max(1, min(len(near.left), len(near.right)) // 10)
    give, get = exchange(problem, near.left, near.right, state.moments.gap(), sign, most)
    best, low, high = state, 0, len(give)
    value_low, value_high = state.value, None
    count = max(1, high // 2)
    for _ in range(_MOST_STEPS):
        if abs(best.value - target) <= _NEAR * target or high - low <= 1:
            break
        after = moved(state, give[:count], get[:count])
        if abs(after.value - target) < abs(best.value - target):
            best = after
        if sign * after.value < sign * target:
            low, value_low = count, after.value
        else:
            high, value_high = count, after.value
        count = _between(low, high, value_low, value_high, target)
    return best.partition(near.stage, near.step)


def _between(low: int, high: int, at_low: float, at_high: float | None, target: float) -> int:
    """Where the target lies on the line between two counts; the middle while one end is open."""
    if at_high is None or at_high == at_low:
        return (low + high) // 2
    place = low + (high - low) * (target - at_low) / (at_high - at_low)
    return int(np.clip(round(place), low + 1, high - 1)) if high - low > 1 else low


def _neighbours(search: Search, found: list[Partition]) -> list[Partition]:
    """One swap away from the path: with few classes the path alone has too few partitions."""
    near: list[Partition] = []
    for partition in found:
        state = search.state(partition.left, partition.right)
        for move, _ in search.ranked(state, harder, limit=_NEIGHBOURS):
            after = search.after(state, [move])
            near.append(partition_of(search, after, partition.stage, partition.step))
    return near
