"""Levels chosen by name among the steps of a generator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from oodml.core.errors import UsageError
from oodml.shift.generators import GENERATORS, Generator, Partition, Problem
from oodml.shift.generators.checked import searched
from oodml.shift.placing import same_shift


def partitions_of_steps(
    problem: Problem, generator: Generator, steps: Sequence[str]
) -> list[Partition]:
    """The partition of every named step, in the order named.

    Raises:
        UsageError: a generator that names no steps, a step that was not met, or shift that does not
            grow from step to step; the message says what there is and what to do.
    """
    if not generator.names_steps():
        able = ", ".join(name for name, other in GENERATORS.items() if other.names_steps())
        raise UsageError(
            f"generator {generator.name!r} names no steps; give targets or levels, or use "
            f"generator {able}"
        )
    met: dict[str, Partition] = {}
    for partition in searched(generator, problem):
        name = generator.step_name(partition)
        if name is not None:
            met.setdefault(name, partition)
    for step in steps:
        if step not in met:
            hint = generator.missing_step(problem, step)
            raise UsageError(
                f"generator {generator.name!r} has no step {step!r}"
                f"{f': {hint}' if hint else ''} (there are: {', '.join(met)})"
            )
    chosen = {step: met[step] for step in steps}
    _check_growth(chosen)
    return list(chosen.values())


def _check_growth(chosen: dict[str, Partition]) -> None:
    """Shift grows strictly, by more than another processor may change."""
    falls = [
        f"{below!r} ({chosen[below].shift:.6g}) to {above!r} ({chosen[above].shift:.6g})"
        for below, above in pairwise(chosen)
        if chosen[above].shift <= chosen[below].shift
        or same_shift(chosen[below].shift, chosen[above].shift)
    ]
    if falls:
        ordered = sorted(chosen, key=lambda step: chosen[step].shift)
        raise UsageError(
            "steps: shift must grow from level to level, and does not from "
            f"{' and from '.join(falls)}; "
            f"leave one of them out, or name them by growing shift: {', '.join(ordered)}"
        )
