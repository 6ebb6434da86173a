"""Search for data sets whose classes outnumber what a Gram matrix can hold (SOP: 22,634).

The distance is computed in D x D; the second moments of a side are updated by the classes that
move, so a step costs a Cholesky factor and the eigenvalues of one D x D matrix. Swaps are made
many at a time, chosen by how far they move the side means apart (or together), and kept only if
the true distance moves as wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oodml.core.progress import progress_task
from oodml.shift.distance.frechet import covariance_of, root_trace, scatter
from oodml.shift.distance.gram import Float, Index
from oodml.shift.distance.means import GRAM_CLASSES, ClassMeans
from oodml.shift.generators.mass_swap import exchange
from oodml.shift.generators.problem import Partition, Problem

_FIRST_SHARE = 20
_LAST_SHARE = 640


def needs_large(problem: Problem) -> bool:
    """Whether the classes are too many for a Gram matrix."""
    return len(problem.means) > GRAM_CLASSES


@dataclass
class Moments:
    """Sums and second moments (upper triangles) of both sides, kept up to date by exchanges."""

    means: ClassMeans
    counts: tuple[int, int]
    sums: tuple[Float, Float]
    squares: tuple[Float, Float]

    @classmethod
    def of(cls, means: ClassMeans, left: Index, right: Index) -> Moments:
        sum1, square1 = scatter(means.means, left)
        sum2, square2 = scatter(means.means, right)
        return cls(means, (len(left), len(right)), (sum1, sum2), (square1, square2))

    def exchanged(self, give: Index, get: Index) -> Moments:
        """After the left side gave some classes and got others; costs only the classes moved."""
        out_sum, out_square = scatter(self.means.means, give)
        in_sum, in_square = scatter(self.means.means, get)
        change, square = in_sum - out_sum, in_square
        square -= out_square
        more = len(get) - len(give)
        return Moments(
            self.means,
            (self.counts[0] + more, self.counts[1] - more),
            (self.sums[0] + change, self.sums[1] - change),
            (self.squares[0] + square, self.squares[1] - square),
        )

    def gap(self) -> Float:
        """Difference of the side means [D]."""
        return self.sums[0] / self.counts[0] - self.sums[1] / self.counts[1]

    def distance(self) -> float:
        """Exact Fréchet distance of the two sides."""
        sides = zip(self.counts, self.sums, self.squares, strict=True)
        covariances = [covariance_of(count, total, square) for count, total, square in sides]
        gap = self.gap()
        traces = sum(float(np.trace(covariance)) for covariance in covariances)
        return max(0.0, float(gap @ gap) + traces - 2.0 * root_trace(*covariances))


@dataclass(frozen=True)
class LargeState:
    left: Index
    right: Index
    moments: Moments
    value: float

    def partition(self, stage: str, step: int) -> Partition:
        return Partition(np.sort(self.left), np.sort(self.right), self.value, stage, step)


def large_start(problem: Problem, left: Index, right: Index) -> LargeState:
    moments = Moments.of(problem.means, left, right)
    return LargeState(left, right, moments, moments.distance())


def large_search(problem: Problem) -> list[Partition]:
    """Partitions on the way to the hardest and to the easiest reachable split."""
    start = large_start(problem, problem.left, problem.right)
    found = [start.partition("start", 0)]
    with progress_task("searching swaps") as task:
        for stage, sign in (("harder", 1), ("easier", -1)):
            for step, state in _climb(problem, start, sign):
                found.append(state.partition(stage, step))
                task.advance()
    return found


def _climb(problem: Problem, start: LargeState, sign: int) -> Iterator[tuple[int, LargeState]]:
    side = min(len(start.left), len(start.right))
    size, made, state = max(1, side // _FIRST_SHARE), 0, start
    while size >= max(1, side // _LAST_SHARE):
        give, get = exchange(problem, state.left, state.right, state.moments.gap(), sign, size)
        if len(give):
            after = moved(state, give, get)
            if sign * after.value > sign * state.value * (1 + sign * 1e-6):
                state, made = after, made + len(give)
                yield made, state
                continue
        size //= 2


def moved(state: LargeState, give: Index, get: Index) -> LargeState:
    """The state after ``give`` went right and ``get`` went left."""
    left = np.concatenate([np.setdiff1d(state.left, give), get])
    right = np.concatenate([np.setdiff1d(state.right, get), give])
    moments = state.moments.exchanged(give, get)
    return LargeState(left, right, moments, moments.distance())
