"""A far start for a climb by single swaps.

Single swaps from an arbitrary partition can end in a local optimum a third below the hardest
split. Two ways across: exchange many classes at a time along the line between the side means, or
take the hardest partition of a swap heuristic, which does much the same. Whichever is harder
becomes a further starting point, so the search never ends below either.
"""

from __future__ import annotations

import numpy as np

from oodml.shift.generators.mass_swap import exchange
from oodml.shift.generators.oodml import SwapHeuristic
from oodml.shift.generators.problem import Problem
from oodml.shift.generators.search import Search, State
from oodml.shift.generators.swap_rule import SwapRule

_ROUNDS = 60
_SHARE = 20


def leap(search: Search, start: State) -> State:
    """The hardest partition either way reaches within the search's limits; may be ``start``."""
    states = [start]
    if search.single:
        states.append(_along_the_gap(search, start))
    for partition in SwapHeuristic(easier_iterations=0).swapped(SwapRule(search.problem)):
        if search.within_limits(partition.left, partition.right):
            states.append(search.state(partition.left, partition.right))
    return max(states, key=lambda state: state.value)


def _along_the_gap(search: Search, start: State) -> State:
    """Exchanges by a twentieth of a side, then fewer, while the side means move apart."""
    problem: Problem = search.problem
    means = problem.means.means
    left, right = start.left, start.right
    best = start
    size = max(1, min(len(left), len(right)) // _SHARE)
    for _ in range(_ROUNDS):
        gap = means[left].mean(axis=0) - means[right].mean(axis=0)
        give, get = exchange(problem, left, right, gap, 1, size)
        if not len(give):
            break
        left = np.concatenate([np.setdiff1d(left, give), get])
        right = np.concatenate([np.setdiff1d(right, get), give])
        state = State(np.sort(left), np.sort(right), search.exact(left, right))
        if state.value > best.value:
            best = state
    return best
