"""Generator ``oodml``: the swap heuristic of the ooDML paper, written from its rules.

Every iteration scores the classes of each side by

    train class c:  d(c, test mean) - d(c, train mean)
    test class c:   d(c, train mean) - d(c, test mean)

with d the Euclidean distance, and swaps the k-th lowest of one side (most like the other side)
with the k-th lowest of the other, k = 0 .. swaps_per_iteration - 1. For easier splits the order is
descending. List positions used in the last ``history`` swaps are left out of the order.

The removal stage goes on where swapping has stopped to help: it makes the same swaps, and where
the distance did not fall undoes them and deletes the chosen classes from both sides; where it fell
it keeps the swap.

The released script has defects that shape its splits. Each is an option, on by default;
``repaired=True`` turns all of them off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.core.progress import progress_task
from oodml.shift.distance.gram import Float, Index
from oodml.shift.generators.base import Generator, register_generator
from oodml.shift.generators.problem import Partition, Problem


@register_generator("oodml")
class SwapHeuristic(Generator):
    """The papers' swap heuristic, harder and easier, with their class-removal stage.

    Defaults are the papers' values. The options called quirks are the script's defects.
    """

    swaps_per_iteration: Parameter[int | None] = Parameter(
        None,
        "pairs swapped in an iteration (the papers: 2 on about 100 classes a side, 500 on SOP); "
        "null: 2, or a fiftieth of a side where that is more",
        kind=int,
        minimum=1,
    )
    iterations = Parameter(25, "iterations in the harder direction", minimum=0)
    easier_iterations = Parameter(
        15, "iterations in the easier direction (the script: 10 fewer)", minimum=0
    )
    history = Parameter(5, "how many swaps a list position rests", minimum=0)
    easier_history = Parameter(30, "the same in the easier direction", minimum=0)
    removal_iterations = Parameter(
        0,
        "iterations of the removal stage; 33 reach the papers' hardest split, 0 keeps the number "
        "of classes constant over the ladder",
        minimum=0,
    )
    removal_from: Parameter[int | None] = Parameter(
        None, "id (swaps so far) of the harder split removal starts from; null: the last", kind=int
    )
    record_before_swap = Parameter(
        True,
        "quirk: a state is recorded before its swap, so the last iteration's swaps stand in no "
        "split (25 iterations of 2 end at id 48)",
    )
    history_on_positions = Parameter(
        True, "quirk: what rests is the place in the list, not the class"
    )
    keep_lowering_swaps = Parameter(
        True,
        "quirk: removal keeps a swap that lowers the distance and deletes otherwise; repaired: it "
        "keeps a swap that raises the distance",
    )
    removal_ahead = Parameter(
        True,
        "quirk: removal decides on the features of the final state of the harder run, one "
        "iteration ahead of the class names it starts from",
    )
    decision_eps = Parameter(
        1e-8, "quirk: eps inside the square root in the removal stage's comparison", minimum=0.0
    )
    repaired = Parameter(False, "turn all quirks off")

    def search(self, problem: Problem) -> list[Partition]:
        if problem.image_tolerance is not None:
            raise UsageError(
                "generator oodml swaps without regard to image counts; leave out image_tolerance, "
                "or use generator target or steepest"
            )
        return self.swapped(problem)

    def swapped(self, problem: Problem) -> list[Partition]:
        """All recorded partitions, whatever image counts they have."""
        start = _starting_sides(problem)
        return _recorded(problem, start, self._resolved(min(len(start.left), len(start.right))))

    def _resolved(self, side: int) -> SwapHeuristic:
        """With the default that depends on the classes of a side filled in, repairs applied."""
        swaps = self.swaps_per_iteration
        chosen = self.replaced(swaps_per_iteration=max(2, side // 50) if swaps is None else swaps)
        if not self.repaired:
            return chosen
        return chosen.replaced(
            record_before_swap=False,
            history_on_positions=False,
            keep_lowering_swaps=False,
            removal_ahead=False,
            decision_eps=0.0,
        )


@dataclass
class _Sides:
    """Ordered lists of units; the order matters because history is kept on list positions."""

    left: list[int]
    right: list[int]

    def copy(self) -> _Sides:
        return _Sides(list(self.left), list(self.right))

    def swap(self, pairs: Sequence[tuple[int, int]]) -> None:
        for i, j in pairs:
            self.left[i], self.right[j] = self.right[j], self.left[i]

    def delete(self, pairs: Sequence[tuple[int, int]]) -> None:
        for i in sorted((i for i, _ in pairs), reverse=True):
            del self.left[i]
        for j in sorted((j for _, j in pairs), reverse=True):
            del self.right[j]


@dataclass
class _History:
    """What was swapped lately, per side: list positions, or units when repaired."""

    length: int
    on_positions: bool
    left: list[int]
    right: list[int]

    def resting(self, sides: _Sides) -> tuple[set[int], set[int]]:
        """Positions of each side that may not be chosen now."""
        left, right = (
            set(used[-self.length :] if self.length else ()) for used in (self.left, self.right)
        )
        if self.on_positions:
            return left, right
        both = left | right
        return (
            {i for i, unit in enumerate(sides.left) if unit in both},
            {j for j, unit in enumerate(sides.right) if unit in both},
        )

    def add(self, sides: _Sides, pairs: Sequence[tuple[int, int]]) -> None:
        for i, j in pairs:
            self.left.append(i if self.on_positions else sides.left[i])
            self.right.append(j if self.on_positions else sides.right[j])


class _Heuristic:
    """The swap rule on the units of a problem."""

    def __init__(self, problem: Problem, options: SwapHeuristic) -> None:
        self._problem = problem
        self._options = options
        means = problem.means.means
        self._sizes = np.array([len(unit) for unit in problem.units])
        single = bool((self._sizes == 1).all())
        self._units: Float = (
            means[np.concatenate(problem.units)]
            if single
            else np.stack([means[unit].mean(axis=0) for unit in problem.units])
        )
        # Out of K the distances from a side's mean are a mean of columns.
        self._gram = problem.means.gram if single and problem.means.has_gram else None
        self._squares = np.einsum("ud,ud->u", self._units, self._units)
        self._fixed = np.array([problem.fixed[unit].any() for unit in problem.units])

    def classes(self, units: Sequence[int]) -> Index:
        return np.concatenate([self._problem.units[unit] for unit in units])

    def pairs(
        self, sides: _Sides, history: _History, count: int, easier: bool
    ) -> list[tuple[int, int]]:
        """List positions of the next ``count`` swaps; fewer than ``count`` means: exhausted."""
        to_left, to_right = self._distances(sides.left), self._distances(sides.right)
        rest_left, rest_right = history.resting(sides)
        left = self._order(sides.left, to_right - to_left, rest_left, easier)
        right = self._order(sides.right, to_left - to_right, rest_right, easier)
        return list(zip(left[:count], right[:count], strict=False))

    def _order(self, units: list[int], scores: Float, resting: set[int], easier: bool) -> list[int]:
        values = scores[units]
        order = np.argsort(-values if easier else values, kind="stable").tolist()
        return [p for p in order if p not in resting and not self._fixed[units[p]]]

    def _distances(self, units: list[int]) -> Float:
        """Distance of every unit's mean from the mean of the class means of one side."""
        if self._gram is not None:
            cross = self._gram[:, units].mean(axis=1)
            squared = self._squares - 2.0 * cross + cross[units].mean()
            return np.asarray(np.sqrt(squared.clip(min=0.0)))
        weights = self._sizes[units]
        mean = weights @ self._units[units] / weights.sum()
        squared = self._squares - 2.0 * (self._units @ mean) + mean @ mean
        return np.asarray(np.sqrt(squared.clip(min=0.0)))

    def distance(self, sides: _Sides) -> float:
        left, right = np.sort(self.classes(sides.left)), np.sort(self.classes(sides.right))
        return self._problem.means.frechet(left, right, eps=self._options.decision_eps)

    def partition(self, sides: _Sides, stage: str, step: int) -> Partition:
        return self._problem.partition(
            self.classes(sides.left), self.classes(sides.right), stage, step
        )


def _recorded(problem: Problem, start: _Sides, options: SwapHeuristic) -> list[Partition]:
    """The start, and what the three stages record of it."""
    heuristic = _Heuristic(problem, options)
    found = [heuristic.partition(start, "start", 0)]
    total = options.iterations + options.easier_iterations + options.removal_iterations
    with progress_task("swapping classes", total) as task:
        states: dict[int, _Sides] = {0: start}
        final = start
        for step, sides, recorded in _swaps(heuristic, start, options, easier=False):
            final = sides
            if recorded:
                states[step] = sides
                found.append(heuristic.partition(sides, "harder", step))
            task.advance()
        for step, sides, recorded in _swaps(heuristic, start, options, easier=True):
            if recorded:
                found.append(heuristic.partition(sides, "easier", -step))
            task.advance()
        if options.removal_iterations:
            origin = _removal_origin(states, options)
            ahead = final if options.removal_ahead else origin
            for step, sides in _removal(heuristic, origin, ahead, options):
                found.append(heuristic.partition(sides, "removal", step))
                task.advance()
    return found


def _starting_sides(problem: Problem) -> _Sides:
    left = set(problem.left.tolist())
    right = set(problem.right.tolist())
    sides = _Sides([], [])
    for number, unit in enumerate(problem.units):
        members = set(unit.tolist())
        if members <= left:
            sides.left.append(number)
        elif members <= right:
            sides.right.append(number)
    return sides


def _swaps(
    heuristic: _Heuristic, start: _Sides, options: SwapHeuristic, *, easier: bool
) -> Iterator[tuple[int, _Sides, bool]]:
    """States after each iteration: swaps so far, the sides, and whether the state is recorded."""
    assert options.swaps_per_iteration is not None
    sides = start.copy()
    iterations = options.easier_iterations if easier else options.iterations
    length = options.easier_history if easier else options.history
    history = _History(length, options.history_on_positions, [], [])
    for iteration in range(1, iterations + 1):
        pairs = heuristic.pairs(sides, history, options.swaps_per_iteration, easier)
        if len(pairs) < options.swaps_per_iteration:
            return
        history.add(sides, pairs)
        sides.swap(pairs)
        recorded = iteration < iterations or not options.record_before_swap
        yield iteration * options.swaps_per_iteration, sides.copy(), recorded


def _removal_origin(states: dict[int, _Sides], options: SwapHeuristic) -> _Sides:
    if options.removal_from is None:
        return states[max(states)]
    if options.removal_from not in states:
        known = ", ".join(map(str, sorted(states)))
        raise UsageError(
            f"generator oodml: no harder split with id {options.removal_from} to remove from "
            f"(there are: {known})"
        )
    return states[options.removal_from]


def _removal(
    heuristic: _Heuristic, origin: _Sides, ahead: _Sides, options: SwapHeuristic
) -> Iterator[tuple[int, _Sides]]:
    """States of the class lists after each removal iteration.

    ``decide`` holds the features the script decides on, ``names`` its class names. The history
    starts empty; a swap that is undone counts in it like one that stays.
    """
    count = options.swaps_per_iteration
    assert count is not None
    names, decide = origin.copy(), ahead.copy()
    history = _History(options.history, options.history_on_positions, [], [])
    old = heuristic.distance(decide)
    for iteration in range(1, options.removal_iterations + 1):
        if min(len(decide.left), len(decide.right)) < count + 2:
            return
        pairs = heuristic.pairs(decide, history, count, False)
        if len(pairs) < count:
            return
        history.add(decide, pairs)
        decide.swap(pairs)
        names.swap(pairs)
        new = heuristic.distance(decide)
        keep = new < old if options.keep_lowering_swaps else new > old
        if not keep:
            for sides in (decide, names):
                sides.swap(pairs)
                sides.delete(pairs)
            new = heuristic.distance(decide)
        old = new
        yield iteration * count, names.copy()
