"""Generator ``oodml``: the swap heuristic of the ooDML paper, written from its rules.

Every iteration scores the classes of each side by

    train class c:  d(c, test mean) - d(c, train mean)
    test class c:   d(c, train mean) - d(c, test mean)

with d the Euclidean distance, and swaps the k-th lowest of one side (most like the other side)
with the k-th lowest of the other, k = 0 .. swaps_per_iteration - 1. For easier splits the order is
descending. List positions used in the last ``history`` swaps are passed over: the k-th swap takes
the first position from the k-th place on that does not rest (``swap_rule``).

The removal stage goes on where swapping has stopped to help: it makes the same swaps, and where
the distance did not fall undoes them and deletes the chosen classes from both sides; where it fell
it keeps the swap.

Splits are numbered as in the papers, by the swaps chosen so far: 6 after three iterations of two, -20
ten iterations into the easier direction. In the removal stage a swap counts whether it is kept or its
classes are deleted: R18, R42 and R66 stand after 9, 21 and 33 iterations of two.

The released script has defects that shape its splits. Each is an option, on by default;
``repaired=True`` turns all of them off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.core.progress import progress_task
from oodml.shift.generators.base import Generator, register_generator
from oodml.shift.generators.problem import Partition, Problem
from oodml.shift.generators.swap_rule import History, Sides, SwapRule


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
        "iterations of the removal stage; 33 of two swaps reach the papers' hardest split, R66; "
        "0 keeps the number of classes constant over the ladder",
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
        return self.swapped(SwapRule(problem))

    def swapped(self, rule: SwapRule) -> list[Partition]:
        """All recorded partitions by a rule, whatever image counts they have."""
        start = rule.start()
        return _recorded(rule, start, self._resolved(min(len(start.left), len(start.right))))

    def step_name(self, partition: Partition) -> str:
        """The papers' id: "0" for the start, "-20", "6", "R22"."""
        return f"{'R' if partition.stage == 'removal' else ''}{partition.step}"

    def missing_step(self, problem: Problem, step: str) -> str:
        """Names the option that has to grow, or the rule the id breaks."""
        found = re.fullmatch(r"(R|-|)([1-9]\d*)", step)
        if not found:
            return "ids are whole numbers, negative for easier splits, with R for the removal stage"
        start = SwapRule(problem).start()
        options = self._resolved(min(len(start.left), len(start.right)))
        assert options.swaps_per_iteration is not None
        iterations, rest = divmod(int(found[2]), options.swaps_per_iteration)
        if rest:
            return f"ids are multiples of {options.swaps_per_iteration} (swaps_per_iteration)"
        option = {"R": "removal_iterations", "-": "easier_iterations"}.get(found[1], "iterations")
        if found[1] != "R" and options.record_before_swap:
            iterations += 1
        given = options.parameters[option]
        if given < iterations:
            return f"it takes {option} = {iterations} or more, which is {given}"
        return "the generator ended before it, because too few classes were left to choose from"

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


def _recorded(rule: SwapRule, start: Sides, options: SwapHeuristic) -> list[Partition]:
    """The start, and what the three stages record of it."""
    found = [rule.partition(start, "start", 0)]
    total = options.iterations + options.easier_iterations + options.removal_iterations
    with progress_task("swapping classes", total) as task:
        states: dict[int, Sides] = {0: start}
        final = start
        for step, sides, recorded in _swaps(rule, start, options, easier=False):
            final = sides
            if recorded:
                states[step] = sides
                found.append(rule.partition(sides, "harder", step))
            task.advance()
        for step, sides, recorded in _swaps(rule, start, options, easier=True):
            if recorded:
                found.append(rule.partition(sides, "easier", -step))
            task.advance()
        if options.removal_iterations:
            origin = _removal_origin(states, options)
            ahead = final if options.removal_ahead else origin
            for step, sides in _removal(rule, origin, ahead, options):
                found.append(rule.partition(sides, "removal", step))
                task.advance()
    return found


def _swaps(
    rule: SwapRule, start: Sides, options: SwapHeuristic, *, easier: bool
) -> Iterator[tuple[int, Sides, bool]]:
    """States after each iteration: swaps so far, the sides, and whether the state is recorded."""
    assert options.swaps_per_iteration is not None
    sides = start.copy()
    iterations = options.easier_iterations if easier else options.iterations
    length = options.easier_history if easier else options.history
    history = History(length, options.history_on_positions)
    for iteration in range(1, iterations + 1):
        pairs = rule.choose(sides, history, options.swaps_per_iteration, easier)
        if pairs is None:
            return
        sides.swap(pairs)
        recorded = iteration < iterations or not options.record_before_swap
        yield iteration * options.swaps_per_iteration, sides.copy(), recorded


def _removal_origin(states: dict[int, Sides], options: SwapHeuristic) -> Sides:
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
    rule: SwapRule, origin: Sides, ahead: Sides, options: SwapHeuristic
) -> Iterator[tuple[int, Sides]]:
    """States of the class lists after each removal iteration.

    ``decide`` holds the features the script decides on, ``names`` its class names. The history
    starts empty; a swap that is undone counts in it like one that stays.
    """
    count = options.swaps_per_iteration
    assert count is not None
    names, decide = origin.copy(), ahead.copy()
    history = History(options.history, options.history_on_positions)
    old = rule.distance(decide, options.decision_eps)
    for iteration in range(1, options.removal_iterations + 1):
        if min(len(decide.left), len(decide.right)) < count + 2:
            return
        pairs = rule.choose(decide, history, count, False)
        if pairs is None:
            return
        decide.swap(pairs)
        names.swap(pairs)
        new = rule.distance(decide, options.decision_eps)
        keep = new < old if options.keep_lowering_swaps else new > old
        if not keep:
            for sides in (decide, names):
                sides.swap(pairs)
                sides.delete(pairs)
            new = rule.distance(decide, options.decision_eps)
        old = new
        yield iteration * count, names.copy()
