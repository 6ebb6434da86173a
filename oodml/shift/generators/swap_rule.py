"""The papers' rule for the next swaps, on ordered lists of units, and what rests after a swap.

The classes of a side are ordered by score. The k-th swap of an iteration (k = 0, 1, ...) takes, on
each side by itself, the first position from the k-th place of that order on that does not rest. A
position rests while it is among the last ``history`` used ones, and that list moves on within an
iteration: the swap just chosen is on it, the oldest has dropped off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oodml.shift.distance.gram import Float, Index
from oodml.shift.generators.problem import Partition, Problem

Pairs = list[tuple[int, int]]


@dataclass
class Sides:
    """Ordered lists of units; the order matters because history is kept on list positions."""

    left: list[int]
    right: list[int]

    def copy(self) -> Sides:
        return Sides(list(self.left), list(self.right))

    def swap(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Exchange left position i with right position j, pair after pair; twice undoes it."""
        for i, j in pairs:
            self.left[i], self.right[j] = self.right[j], self.left[i]

    def delete(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Drop the set of positions of each side."""
        for i in sorted({i for i, _ in pairs}, reverse=True):
            del self.left[i]
        for j in sorted({j for _, j in pairs}, reverse=True):
            del self.right[j]


class History:
    """The last ``length`` swaps of each side: list positions, or units for the repaired rule.

    A unit that was swapped stands on the other side, so units rest on both.
    """

    def __init__(self, length: int, on_positions: bool) -> None:
        self.on_positions = on_positions
        self._left: deque[int] = deque(maxlen=length)
        self._right: deque[int] = deque(maxlen=length)

    def rests_left(self, sides: Sides, i: int) -> bool:
        """Whether position ``i`` of the left side may not be chosen now."""
        return i in self._left if self.on_positions else self._unit_rests(sides.left[i])

    def rests_right(self, sides: Sides, j: int) -> bool:
        """Whether position ``j`` of the right side may not be chosen now."""
        return j in self._right if self.on_positions else self._unit_rests(sides.right[j])

    def add(self, sides: Sides, i: int, j: int) -> None:
        """The swap of left position ``i`` and right position ``j``, before it is made."""
        self._left.append(i if self.on_positions else sides.left[i])
        self._right.append(j if self.on_positions else sides.right[j])

    def _unit_rests(self, unit: int) -> bool:
        return unit in self._left or unit in self._right


class SwapRule:
    """Scores, choices and distances on the units of a problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
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

    def start(self) -> Sides:
        """The units of the problem's starting sides, in their order."""
        left, right = set(self._problem.left.tolist()), set(self._problem.right.tolist())
        sides = Sides([], [])
        for number, unit in enumerate(self._problem.units):
            members = set(unit.tolist())
            if members <= left:
                sides.left.append(number)
            elif members <= right:
                sides.right.append(number)
        return sides

    def choose(self, sides: Sides, history: History, count: int, easier: bool) -> Pairs | None:
        """List positions of the next ``count`` swaps, noted in ``history``; None: too few free."""
        left, right = self.orders(sides, easier)
        pairs: Pairs = []
        for k in range(count):
            i = next((p for p in left[k:] if not history.rests_left(sides, p)), None)
            j = next((p for p in right[k:] if not history.rests_right(sides, p)), None)
            if i is None or j is None:
                return None
            history.add(sides, i, j)
            pairs.append((i, j))
        return pairs

    def orders(self, sides: Sides, easier: bool) -> tuple[list[int], list[int]]:
        """List positions of each side by score, those of pinned classes left out."""
        to_left, to_right = self._distances(sides.left), self._distances(sides.right)
        return (
            self._order(sides.left, to_right - to_left, easier),
            self._order(sides.right, to_left - to_right, easier),
        )

    def distance(self, sides: Sides, eps: float) -> float:
        """Fréchet distance of two sides, with ``eps`` inside the square root."""
        left, right = np.sort(self._classes(sides.left)), np.sort(self._classes(sides.right))
        return self._problem.means.frechet(left, right, eps=eps)

    def partition(self, sides: Sides, stage: str, step: int) -> Partition:
        """The sides as a partition of classes, with its exact shift."""
        return self._problem.partition(
            self._classes(sides.left), self._classes(sides.right), stage, step
        )

    def _classes(self, units: Sequence[int]) -> Index:
        return np.concatenate([self._problem.units[unit] for unit in units])

    def _order(self, units: list[int], scores: Float, easier: bool) -> list[int]:
        values = scores[units]
        order = np.argsort(-values if easier else values, kind="stable").tolist()
        return [p for p in order if not self._fixed[units[p]]]

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
