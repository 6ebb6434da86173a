"""Entries of ``[ladder]``: what they ask for, checked before there is a ladder."""

from __future__ import annotations

from collections.abc import Sequence

from oodml.core.errors import UsageError
from oodml.runs.plan.sections import LadderEntry
from oodml.shift.generators import GENERATORS, create_generator
from oodml.shift.rules import LadderRules, ladder_rules

_OWN_KEYS = ("levels", "steps", "seed", "val_fraction", "shots", "episodes")


def check_entry(entry: LadderEntry) -> None:
    """UsageError, with its key, for what ``generate_ladder`` would refuse of an entry.

    Only what depends on the data is left: whether so many levels are reached, and the steps met.
    """
    if entry.path is not None:
        return
    for key in entry.options:
        if key in _OWN_KEYS:
            raise UsageError(f"give {key!r} in [ladder] itself", key=f"options.{key}")
    of_rules = {key: value for key, value in entry.options.items() if key in LadderRules.declared()}
    others = {key: value for key, value in entry.options.items() if key not in of_rules}
    try:
        chosen = GENERATORS.get(entry.generator)
    except UsageError as error:
        raise UsageError(str(error), key="generator") from None
    try:
        create_generator(entry.generator, **others)
        ladder_rules(
            levels=entry.levels if entry.steps is None else None,
            steps=entry.steps,
            seed=entry.seed,
            val_fraction=entry.val_fraction,
            shots=entry.shots,
            episodes=entry.episodes,
            **of_rules,
        )
    except UsageError as error:
        at = f"options.{error.key}" if error.key in entry.options else error.key
        raise UsageError(str(error), key=at) from None
    if entry.steps is not None and not chosen.names_steps():
        able = ", ".join(name for name, other in GENERATORS.items() if other.names_steps())
        raise UsageError(
            f"generator {entry.generator!r} names no steps; give levels, or use generator {able}",
            key="steps",
        )


def chosen_levels(levels: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """The levels a spec asks for of a ladder with ``count``; UsageError for one it lacks."""
    if levels is None:
        return tuple(range(count))
    outside = [level for level in levels if not 0 <= level < count]
    if outside:
        raise UsageError(
            f"levels: {outside[0]} is not in the ladder, which has levels 0 to {count - 1}"
        )
    return tuple(sorted(levels))


def ladder_name(dataset: str, entry: LadderEntry) -> str:
    """The name a generated ladder gets."""
    start = "" if entry.start == "conventional" else f"-{entry.start}"
    return f"{dataset}-{entry.generator}{start}-{entry.level_count}"
