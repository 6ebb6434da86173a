"""Climbing by swaps, each the best of all by the true distance: what generators share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oodml.core.hashing import derived_seed
from oodml.core.parameters import Parameter, Parametrised
from oodml.shift.distance.gram import Float
from oodml.shift.generators.leap import leap
from oodml.shift.generators.problem import Partition, Problem
from oodml.shift.generators.search import Score, Search, State, value_of

_ROUNDING = 1e-9


def harder(values: Float) -> Float:
    """Score of a search for great distances."""
    return values


def easier(values: Float) -> Float:
    """Score of a search for small distances."""
    return -values


class SearchOptions(Parametrised):
    """Options of every generator that climbs by single swaps."""

    swaps_per_step: Parameter[int | None] = Parameter(
        1,
        "swaps made at once while far from the optimum; 1 is true steepest ascent, null a 25th of "
        "a side, and fewer where they do not go together",
        optional=True,
        minimum=1,
    )
    shortlist = Parameter(
        12, "swaps priced exactly in each step, out of all priced to about 1e-4", minimum=1
    )
    leap = Parameter(
        True, "also climb from where many swaps at once, or the papers' heuristic, lead"
    )
    restarts = Parameter(0, "further runs from random starting partitions", minimum=0)
    annealing = Parameter(
        0,
        "random swaps tried, with falling tolerance for bad ones, before each ascent",
        minimum=0,
    )
    annealing_temperature = Parameter(
        0.01, "tolerance at the start, as a share of the distance", above=0.0
    )
    min_gain = Parameter(
        0.0,
        "relative gain of a step below which the search ends; 0: until no swap helps",
        minimum=0.0,
    )
    class_tolerance = Parameter(
        0.1,
        "how far the class count of a side may move while whole superclasses move, relative",
        minimum=0.0,
    )

    @property
    def most_steps(self) -> int | None:
        """Most swaps in one direction; None: until no swap helps (a local optimum)."""
        return None


@dataclass(frozen=True)
class Origin:
    """Where a climb starts: its name in stages, and the seed of its random choices."""

    name: str
    state: State
    number: int


def origins(search: Search, start: State, options: SearchOptions) -> Iterator[Origin]:
    """The start, a leap from it (see ``leap``), and seeded random partitions."""
    yield Origin("", start, 0)
    if options.leap:
        yield Origin("leap ", leap(search, start), 0)
    for number in range(1, options.restarts + 1):
        yield Origin(f"restart {number} ", search.shuffled(start, _rng(search, number)), number)


def run_of(
    search: Search, origin: Origin, name: str, score: Score, options: SearchOptions
) -> Iterator[Partition]:
    """Partitions of one climb, annealed before it if the options say so."""
    here = origin.state
    if origin.name:
        yield partition_of(search, here, f"{origin.name}start", 0)
    if options.annealing:
        rng = _rng(search, "annealing", origin.number, name)
        here = _anneal(search, here, score, options, rng)
        yield partition_of(search, here, f"{origin.name}annealed {name}", 0)
    for step, state in climb(search, here, score, options):
        yield partition_of(search, state, origin.name + name, step)


def _rng(search: Search, *what: str | int) -> np.random.Generator:
    return np.random.default_rng(derived_seed("restart", search.problem.seed, *what))


def make_search(problem: Problem, options: SearchOptions) -> Search:
    """The search within the problem's own limits."""
    return Search(
        problem,
        problem.left,
        problem.right,
        image_tolerance=problem.image_tolerance,
        class_tolerance=options.class_tolerance,
        shortlist=options.shortlist,
    )


def climb(
    search: Search, start: State, score: Score, options: SearchOptions
) -> Iterator[tuple[int, State]]:
    """(swaps made so far, state) after each step, until no swap helps."""
    most = options.swaps_per_step
    if most is None:
        most = max(1, min(len(start.left), len(start.right)) // 25)
    if not search.single:
        most = 1
    state, made, size = start, 0, most
    while options.most_steps is None or made < options.most_steps:
        after, count = _together(search, state, score, size) if size > 1 else (None, 1)
        if after is None:
            after, count = _best(search, state, score, options.min_gain), 1
        if after is None:
            return
        gained = value_of(score, after) - value_of(score, state)
        enough = gained >= options.min_gain * state.value
        state, made, size = after, made + count, min(most, 2 * count)
        yield made, state
        if not enough:
            return


def _together(search: Search, state: State, score: Score, size: int) -> tuple[State | None, int]:
    """The state after several swaps at once, or None when fewer than two go well together.

    Together they must give at least half of what they promise one by one; else fewer are tried.
    """
    moves = search.batch(state, score, size)
    while len(moves) > 1:
        after = search.after(state, [move for move, _ in moves])
        promised = sum(gain for _, gain in moves)
        if value_of(score, after) - value_of(score, state) >= 0.5 * promised:
            return after, len(moves)
        moves = moves[: len(moves) // 2]
    return None, 1


def _best(search: Search, state: State, score: Score, min_gain: float) -> State | None:
    """The state after the best swap, or None when no swap gains more than rounding.

    Before giving up at a local optimum all swaps are priced once more, more exactly.
    """
    needed = value_of(score, state) + max(min_gain, _ROUNDING) * state.value
    for fine in (False, True):
        best = search.best(state, score, fine=fine)
        if best is not None and value_of(score, best) > needed:
            return best
        if min_gain > _ROUNDING or not search.single:
            return None
    return None


def _anneal(
    search: Search, start: State, score: Score, options: SearchOptions, rng: np.random.Generator
) -> State:
    """Metropolis walk with linearly falling temperature; the best state met."""
    state = best = start
    for step in range(options.annealing):
        move = search.random_move(state, rng)
        if move is None:
            continue
        after = search.after(state, [move])
        gain = value_of(score, after) - value_of(score, state)
        left = 1.0 - step / options.annealing
        temperature = options.annealing_temperature * max(start.value, 1e-12) * left
        if gain > 0 or rng.random() < np.exp(gain / max(temperature, 1e-300)):
            state = after
            if value_of(score, state) > value_of(score, best):
                best = state
    return best


def partition_of(search: Search, state: State, stage: str, step: int) -> Partition:
    """A state as a partition of classes."""
    left, right = np.sort(search.classes(state.left)), np.sort(search.classes(state.right))
    return Partition(left, right, state.value, stage, step)
