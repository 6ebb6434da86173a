"""What is asked of a ladder whatever makes it, and the one place of its defaults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter, Parametrised
from oodml.core.values import shown


class LadderRules(Parametrised):
    """What every generator has in common; see :func:`oodml.generate_ladder`.

    ``LadderRules()`` holds the defaults of ``generate_ladder``, of ``oodml split make`` and of a
    benchmark spec.

    Raises:
        UsageError: a value that makes no sense, alone or beside the others.
    """

    owner_kind = "ladder"

    levels: Parameter[int | None] = Parameter(
        None, "number of levels; null: one a step or target, else 6", kind=int, minimum=1
    )
    targets: Parameter[tuple[float, ...] | None] = Parameter(
        None,
        "wanted shift values, growing, one a level; null: evenly spaced between the easiest and "
        "the hardest shift reached",
        kind=tuple,
    )
    steps: Parameter[tuple[str, ...] | None] = Parameter(
        None,
        "steps of the generator that are the levels, by name; null: levels are placed by shift",
        kind=tuple,
    )
    keep_superclasses = Parameter(False, "move whole superclasses only")
    pinned_train: Parameter[tuple[str, ...]] = Parameter((), "classes kept in training")
    pinned_test: Parameter[tuple[str, ...]] = Parameter((), "classes kept in test")
    min_images = Parameter(2, "classes with fewer images are left out", minimum=0)
    image_tolerance: Parameter[float | None] = Parameter(
        None,
        "how far the image count of a side may move from the start, relative; null: as the "
        "generator has it",
        kind=float,
        minimum=0.0,
    )
    remove_classes = Parameter(
        0, "then delete up to this many classes a side for more shift", minimum=0
    )
    val_fraction = Parameter(0.25, "share of the training classes kept for validation", minimum=0.0)
    shots: Parameter[tuple[int, ...]] = Parameter((2, 5, 10), "k of the few-shot episodes")
    episodes = Parameter(10, "episodes of each level and k", minimum=0, maximum=100_000)
    seed = Parameter(0, "seed of every random choice", minimum=0)

    def __init__(self, /, **given: Any) -> None:
        super().__init__(**given)
        for name in ("shots", "pinned_train", "pinned_test", "targets", "steps"):
            _check_entries(name, getattr(self, name))
        if self.val_fraction >= 1.0:
            raise UsageError(
                f"val_fraction is {self.val_fraction}, expected 0 <= val_fraction < 1",
                key="val_fraction",
            )
        if any(not 1 <= count <= _MOST_SHOTS for count in self.shots):
            raise UsageError(
                f"shots are {list(self.shots)}, expected at least 1 (and at most {_MOST_SHOTS}) each",
                key="shots",
            )
        if self.targets is not None:
            _check_targets(self.targets, self.level_count)
        if self.steps is not None:
            _check_steps(self)

    @property
    def level_count(self) -> int:
        """How many levels: as given, else one a step or target, else 6."""
        if self.levels is not None:
            return self.levels
        given = self.steps if self.steps is not None else self.targets
        return DEFAULT_LEVELS if given is None else len(given)


DEFAULT_LEVELS = 6
_MOST_SHOTS = 100_000
_ENTRIES: dict[str, tuple[type, ...]] = {
    "shots": (int, np.integer),
    "pinned_train": (str,),
    "pinned_test": (str,),
    "targets": (int, float, np.integer, np.floating),
    "steps": (str,),
}
DEFAULT_GENERATOR = "target"


def ladder_rules(**given: Any) -> LadderRules:
    """LadderRules from what people give: lists in place of tuples, numbers as names of steps.

    Raises:
        UsageError: a value of another kind, or one that makes no sense.
    """
    rules = {**given, "steps": step_names(given.get("steps"))}
    for name in ("shots", "pinned_train", "pinned_test", "targets"):
        listed = given.get(name)
        if listed is None:
            continue
        if isinstance(listed, str) or not isinstance(listed, Iterable):
            raise UsageError(f"{name}: expected a list, got {shown(listed)}", key=name)
        rules[name] = tuple(listed)
        _check_entries(name, rules[name])
    if rules.get("targets") is not None:
        rules["targets"] = tuple(float(one) for one in rules["targets"])
    if rules.get("shots") is not None:
        rules["shots"] = tuple(int(one) for one in rules["shots"])
    return LadderRules(**rules)


def step_names(given: Any) -> tuple[str, ...] | None:
    """Names of steps out of a list of names or whole numbers; None stays None.

    Raises:
        UsageError: anything else, a lone text above all.
    """
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UsageError(f'steps: expected a list such as ["-20", "0", "R22"], got {shown(given)}')
    steps = tuple(given)
    for step in steps:
        if isinstance(step, bool) or not isinstance(step, str | int | np.integer):
            raise UsageError(f"steps: expected names such as '6' or 'R22', got {shown(step)}")
    return tuple(str(step) for step in steps)


def _check_entries(name: str, values: tuple[Any, ...] | None) -> None:
    kinds = _ENTRIES[name]
    for one in values or ():
        if isinstance(one, bool) or not isinstance(one, kinds):
            expected = {str: "text", int: "whole numbers"}.get(kinds[0], "whole numbers")
            expected = "numbers" if float in kinds else expected
            raise UsageError(f"{name}: expected {expected}, got {shown(one)}", key=name)


def _check_steps(rules: LadderRules) -> None:
    steps = rules.steps or ()
    if not steps:
        raise UsageError("steps are empty; name at least one, or leave them out")
    twice = [step for step in steps if steps.count(step) > 1]
    if twice:
        raise UsageError(f"step {twice[0]!r} is named twice; every level needs its own")
    if rules.targets is not None:
        raise UsageError("steps and targets both choose the levels; leave one of them out")
    if rules.level_count != len(steps):
        raise UsageError(
            f"levels is {rules.level_count}, but {len(steps)} steps are named; leave levels out"
        )
    if rules.remove_classes:
        raise UsageError(
            "remove_classes adds to what levels are placed among, steps name the levels "
            "themselves; leave one out (the papers' removal is removal_iterations of oodml)"
        )


def _check_targets(targets: tuple[float, ...], levels: int) -> None:
    if not targets:
        raise UsageError("targets are empty; name at least one, or leave them out")
    if len(targets) != levels:
        raise UsageError(
            f"levels is {levels}, but {len(targets)} targets are given; leave levels out"
        )
    growing = list(targets) == sorted(set(targets))
    if not np.isfinite(targets).all() or not growing or targets[0] < 0:
        raise UsageError(f"targets {list(targets)} must be growing, finite and not negative")


DEFAULTS = LadderRules()
