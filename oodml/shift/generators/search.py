"""Local search over partitions by the true distance: states, moves and what each move would give.

A move lets one unit (a class, or a whole superclass) of each side change places. When units have
different sizes one side may also give a unit and get none, within ``class_tolerance``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.shift.distance.gram import Float, Index
from oodml.shift.distance.swap_values import FINE, QUICK, Quadrature, move_moments, swap_distances
from oodml.shift.generators.problem import Problem

_NOTHING = -1
# Without prices of the nuclear norm (whole superclasses) more moves are looked at exactly.
_UNIT_SHORTLIST = 96
# How far the quick price of a swap may be from its exact distance, relative (see swap_values).
_PRICING_ERROR = 1e-3
_FEW_CLASSES = 48


@dataclass(frozen=True)
class State:
    """Units on each side and the exact distance between the sides."""

    left: Index
    right: Index
    value: float


@dataclass(frozen=True)
class Move:
    """Units that change places; ``_NOTHING`` on one side for a one-sided move."""

    left: int
    right: int


Score = Callable[[Float], Float]
"""What is to be made large, as a function of the distance after a move."""


class Search:
    """Prices and makes moves for one problem.

    Args:
        image_tolerance: how far the image count of a side may be from its count in ``left``,
            ``right``, relative; None for no limit.
        class_tolerance: the same for the class count of units of different size.
        shortlist: how many of the moves that look best are priced exactly.
    """

    def __init__(
        self,
        problem: Problem,
        left: Index,
        right: Index,
        *,
        image_tolerance: float | None,
        class_tolerance: float,
        shortlist: int,
    ) -> None:
        self.problem = problem
        self.gram = problem.means.gram
        self.units = problem.units
        self.sizes = np.array([len(unit) for unit in problem.units])
        self.single = bool((self.sizes == 1).all())
        self.images = np.array([int(problem.means.images[unit].sum()) for unit in problem.units])
        self.free = np.array([not problem.fixed[unit].any() for unit in problem.units])
        self.shortlist = shortlist
        self._image_limits = _limits(problem.means.images, left, right, image_tolerance)
        ones = np.ones(len(problem.means), dtype=np.int64)
        self._class_limits = _limits(ones, left, right, 0.0 if self.single else class_tolerance)
        self._start = (left, right)
        self._priced_last: tuple[Any, tuple[Float, NDArray[np.bool_]]] | None = None
        if not self.single:
            self._unit_gram, self._unit_traces = self._unit_sums()
            self._padded_sizes = np.append(self.sizes, 0)

    def _unit_sums(self) -> tuple[Float, Float]:
        """Gram matrix of the units' sums, and their traces; ``_NOTHING`` is a last, empty unit."""
        member = np.zeros((len(self.units) + 1, len(self.problem.means)))
        for number, unit in enumerate(self.units):
            member[number, unit] = 1.0
        return member @ self.gram @ member.T, member @ self.gram.diagonal()

    def start(self) -> State:
        """The starting partition."""
        return self.state(*self._start)

    def state(self, left_classes: Index, right_classes: Index) -> State:
        """Any partition as a state; every unit must stand on one side whole, or on none."""
        left, right = (set(side.tolist()) for side in (left_classes, right_classes))
        members = [set(unit.tolist()) for unit in self.units]
        one = np.array([u for u, classes in enumerate(members) if classes <= left], dtype=np.intp)
        other = np.array([u for u, classes in enumerate(members) if classes <= right], np.intp)
        return State(one, other, self.exact(one, other))

    def within_limits(self, left_classes: Index, right_classes: Index) -> bool:
        """Whether a partition's image and class counts are allowed."""
        counted = (
            (self.problem.means.images, self._image_limits),
            (np.ones(len(self.problem.means), dtype=np.int64), self._class_limits),
        )
        for counts, (low1, high1, low2, high2) in counted:
            one, other = counts[left_classes].sum(), counts[right_classes].sum()
            if not (low1 <= one <= high1 and low2 <= other <= high2):
                return False
        return True

    def classes(self, units: Index) -> Index:
        """Rows of the classes of some units."""
        return units if self.single else np.concatenate([self.units[unit] for unit in units])

    def exact(self, left: Index, right: Index) -> float:
        """Exact distance between two sets of units."""
        return self.problem.means.frechet(np.sort(self.classes(left)), np.sort(self.classes(right)))

    def best(self, state: State, score: Score, *, fine: bool = False) -> State | None:
        """The state after the allowed move with the best score by the exact distance.

        Moves are priced exactly in order of promise, until the rest promises less than the best
        exact score by more than the error of the pricing. ``fine`` prices more exactly.
        """
        best: State | None = None
        slack = _PRICING_ERROR * state.value
        for move, promise in self.ranked(state, score, fine=fine):
            if self.single and best is not None and promise < value_of(score, best) - slack:
                break
            after = self.after(state, [move])
            if best is None or value_of(score, after) > value_of(score, best):
                best = after
        return best

    def ranked(
        self, state: State, score: Score, *, fine: bool = False, limit: int | None = None
    ) -> list[tuple[Move, float]]:
        """The best allowed moves with the scores they promise: the shortlist, or ``limit``."""
        if limit is None:
            limit = self.shortlist if self.single else max(self.shortlist, _UNIT_SHORTLIST)
        return self._promising(state, score, limit, fine)

    def batch(self, state: State, score: Score, size: int) -> list[tuple[Move, float]]:
        """Up to ``size`` moves of different classes, best first, with the gain each promises.

        Any first part of them keeps the counts within their limits.
        """
        now = value_of(score, state)
        used: set[int] = set()
        chosen: list[tuple[Move, float]] = []
        for move, promise in self._promising(state, score, 64 * size, False):
            if promise <= now or len(chosen) == size:
                break
            if move.left in used or move.right in used:
                continue
            if not self._keeps_counts(state, [*(m for m, _ in chosen), move]):
                continue
            chosen.append((move, promise - now))
            used |= {move.left, move.right}
        return chosen

    def _promising(
        self, state: State, score: Score, limit: int, fine: bool
    ) -> list[tuple[Move, float]]:
        left, right = self._movable(state)
        values, allowed = self._priced(
            state, left, right, FINE if fine or self._few(state) else QUICK
        )
        promise = np.where(allowed, score(values), -np.inf).ravel()
        limit = min(limit, int(allowed.sum()))
        if not limit:
            return []
        top = np.argpartition(-promise, limit - 1)[:limit]
        order = top[np.lexsort((top, -promise[top]))]
        width = len(right)
        return [
            (Move(int(left[k // width]), int(right[k % width])), float(promise[k])) for k in order
        ]

    def after(self, state: State, moves: Sequence[Move]) -> State:
        """The state after some moves, priced exactly."""
        left, right = self._sides_after(state, moves)
        return State(left, right, self.exact(left, right))

    def shuffled(self, state: State, rng: np.random.Generator) -> State:
        """A random state reached by allowed moves, each of the free units tried about twice."""
        left, right = state.left, state.right
        for _ in range(2 * max(len(left), len(right))):
            move = Move(int(rng.choice(left)), int(rng.choice(right)))
            here = State(left, right, 0.0)
            if self.free[[move.left, move.right]].all() and self._keeps_counts(here, [move]):
                left, right = self._sides_after(here, [move])
        return State(left, right, self.exact(left, right))

    def random_move(self, state: State, rng: np.random.Generator) -> Move | None:
        """A random allowed move, or None when the one drawn is not allowed."""
        move = Move(int(rng.choice(state.left)), int(rng.choice(state.right)))
        allowed = self.free[[move.left, move.right]].all() and self._keeps_counts(state, [move])
        return move if allowed else None

    @staticmethod
    def _few(state: State) -> bool:
        """Sides so small that fine pricing costs next to nothing."""
        return max(len(state.left), len(state.right)) <= _FEW_CLASSES

    def _sides_after(self, state: State, moves: Sequence[Move]) -> tuple[Index, Index]:
        out = {m.left for m in moves} - {_NOTHING}
        into = {m.right for m in moves} - {_NOTHING}
        left = sorted((set(state.left.tolist()) - out) | into)
        right = sorted((set(state.right.tolist()) - into) | out)
        return np.array(left, dtype=np.intp), np.array(right, dtype=np.intp)

    def _movable(self, state: State) -> tuple[Index, Index]:
        left, right = state.left[self.free[state.left]], state.right[self.free[state.right]]
        if self.single:
            return left, right
        nothing = np.array([_NOTHING], dtype=np.intp)
        return np.concatenate([left, nothing]), np.concatenate([right, nothing])

    def _priced(
        self, state: State, left: Index, right: Index, rule: Quadrature
    ) -> tuple[Float, NDArray[np.bool_]]:
        """Distance after each move (approximate) and whether the move is allowed, [a, b]."""
        key = (state.left.tobytes(), state.right.tobytes(), rule)
        if self._priced_last is not None and self._priced_last[0] == key:
            return self._priced_last[1]
        priced = self._price(state, left, right, rule)
        self._priced_last = key, priced
        return priced

    def _price(
        self, state: State, left: Index, right: Index, rule: Quadrature
    ) -> tuple[Float, NDArray[np.bool_]]:
        allowed = self._allowed(state, left, right)
        if not self.single:
            return self._unit_values(state, left, right), allowed
        values = swap_distances(self.gram, state.left, state.right, rule)
        rows, columns = self.free[state.left], self.free[state.right]
        return values[np.ix_(rows, columns)], allowed

    def _allowed(self, state: State, left: Index, right: Index) -> NDArray[np.bool_]:
        allowed = np.ones((len(left), len(right)), dtype=bool)
        for counts, (low1, high1, low2, high2) in (
            (self.images, self._image_limits),
            (self.sizes, self._class_limits),
        ):
            given = np.where(left == _NOTHING, 0, counts[left])
            got = np.where(right == _NOTHING, 0, counts[right])
            change = got[None, :] - given[:, None]
            one, other = counts[state.left].sum() + change, counts[state.right].sum() - change
            allowed &= (one >= low1) & (one <= high1) & (other >= low2) & (other <= high2)
        if not self.single:
            allowed[-1, -1] = False
            # A side must keep two classes.
            given = np.where(left == _NOTHING, 0, self.sizes[left])[:, None]
            got = np.where(right == _NOTHING, 0, self.sizes[right])[None, :]
            allowed &= self.sizes[state.left].sum() - given + got >= 2
            allowed &= self.sizes[state.right].sum() + given - got >= 2
        return allowed

    def _keeps_counts(self, state: State, moves: Sequence[Move]) -> bool:
        for counts, (low1, high1, low2, high2) in (
            (self.images, self._image_limits),
            (self.sizes, self._class_limits),
        ):
            change = sum(counts[m.right] for m in moves if m.right != _NOTHING)
            change -= sum(counts[m.left] for m in moves if m.left != _NOTHING)
            one, other = counts[state.left].sum() + change, counts[state.right].sum() - change
            if not (low1 <= one <= high1 and low2 <= other <= high2):
                return False
        return True

    def _unit_values(self, state: State, left: Index, right: Index) -> Float:
        """Mean and trace terms of moves of whole units exactly, the nuclear norm left as it is."""
        moments = move_moments(
            self._unit_gram,
            self._unit_traces,
            self._padded_sizes,
            state.left,
            state.right,
            left,
            right,
        )
        nothing = np.array([_NOTHING])
        now = move_moments(
            self._unit_gram,
            self._unit_traces,
            self._padded_sizes,
            state.left,
            state.right,
            nothing,
            nothing,
        )
        return moments - now + state.value


def value_of(score: Score, state: State) -> float:
    """Score of a state by its exact distance."""
    return float(score(np.asarray(state.value)))


def _limits(
    counts: NDArray[np.int64], left: Index, right: Index, tolerance: float | None
) -> tuple[float, float, float, float]:
    """Allowed range of a count on each side."""
    if tolerance is None:
        return -np.inf, np.inf, -np.inf, np.inf
    one, other = float(counts[left].sum()), float(counts[right].sum())
    # The bounds themselves are inside, whatever rounding does to the products.
    return (
        one * (1 - tolerance) - 1e-6,
        one * (1 + tolerance) + 1e-6,
        other * (1 - tolerance) - 1e-6,
        other * (1 + tolerance) + 1e-6,
    )
