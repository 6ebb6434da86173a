"""Many swaps at once, chosen by how far they move the side means apart."""

from __future__ import annotations

import numpy as np

from oodml.shift.distance.gram import Float, Index
from oodml.shift.generators.problem import Problem

_TRIED = 64


def exchange(
    problem: Problem, left: Index, right: Index, gap: Float, sign: int, size: int
) -> tuple[Index, Index]:
    """Up to ``size`` classes of each side whose exchange moves the side means apart (sign 1).

    Ordered by gain, so that a first part of them is a smaller step the same way. Pairs are chosen
    so that image counts stay within the problem's tolerance.

    Args:
        gap: [D] mean of the left side less mean of the right side.
        sign: 1 apart, -1 together.
    """
    along = sign * (problem.means.means @ gap)
    free = ~problem.fixed
    give, get = left[free[left]], right[free[right]]
    give = give[np.argsort(along[give], kind="stable")]
    get = get[np.argsort(-along[get], kind="stable")]
    if problem.image_tolerance is not None:
        return _paired(problem, left, right, along, give, get, size)
    count = min(size, len(give), len(get))
    gains = along[get[:count]] > along[give[:count]]
    if not gains.all():
        count = int(np.argmin(gains))
    return give[:count], get[:count]


def _paired(
    problem: Problem,
    left: Index,
    right: Index,
    along: Float,
    give: Index,
    get: Index,
    size: int,
) -> tuple[Index, Index]:
    """Pairs in order of gain whose images balance: a class waits when it would tip the count."""
    images = problem.means.images
    low, high = _slack(problem, left, right)
    balance = 0
    waiting = get[: 2 * size + _TRIED].tolist()
    given: list[int] = []
    got: list[int] = []
    for a in give.tolist():
        if len(given) == size or not waiting:
            break
        for place, b in enumerate(waiting[:_TRIED]):
            change = int(images[b] - images[a])
            if along[b] > along[a] and low <= balance + change <= high:
                given.append(a)
                got.append(b)
                balance += change
                del waiting[place]
                break
    return np.array(given, dtype=np.intp), np.array(got, dtype=np.intp)


def _slack(problem: Problem, left: Index, right: Index) -> tuple[float, float]:
    """How far the left side's image count may still move down and up."""
    assert problem.image_tolerance is not None
    images = problem.means.images
    start1, start2 = images[problem.left].sum(), images[problem.right].sum()
    now1, now2 = images[left].sum(), images[right].sum()
    room1, room2 = problem.image_tolerance * start1, problem.image_tolerance * start2
    low = max(start1 - room1 - now1, now2 - start2 - room2)
    high = min(start1 + room1 - now1, now2 - start2 + room2)
    return float(low), float(high)
