"""What a condition is, and all there are by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from oodml.core.errors import UsageError
from oodml.core.registry import Registry
from oodml.runs.plan.split import ItemTable, Split
from oodml.shift import Ladder, Level


@dataclass(frozen=True)
class ConditionContext:
    """What a condition splits.

    Attributes:
        ladder: with the controls that its generator recorded.
        items: all items of the data set.
        levels: the rungs to split.
    """

    ladder: Ladder
    items: ItemTable
    levels: tuple[int, ...]

    def level(self, index: int, control: str | None = None) -> Level:
        """A rung; UsageError where the condition needs a control that the ladder lacks."""
        level = self.ladder.levels[index]
        # Generators record all controls of a level together; imported ladders have none of them.
        if control is not None and not level.controls:
            raise UsageError(
                f"condition {control!r}: ladder {self.ladder.name!r} records no controls (level "
                f"{index}); ladders made by `oodml split make` do, imported ones do not. Drop the "
                "condition or make a ladder"
            )
        return level

    def split_of(self, condition: str, level: Level, draw: int | None = None) -> Split:
        """The split by a level's class lists: all images of its train, val and test classes."""
        return Split(
            condition=condition,
            level=level.index,
            draw=draw,
            shift=level.shift,
            train=self.items.of_classes(level.train),
            val=self.items.of_classes(level.val),
            test=self.items.of_classes(level.test),
        )

    def each_level(self, control: str | None = None) -> Iterator[Level]:
        return (self.level(index, control) for index in self.levels)


Condition = Callable[[ConditionContext], list[Split]]
_registry: Registry[Condition] = Registry("condition", packages=(__package__,), functions=True)
register_condition = _registry.register


def get_condition(name: str) -> Condition:
    """The condition registered as ``name``; UsageError with near names when there is none."""
    return _registry.get(name)


def list_conditions() -> list[str]:
    return _registry.names()


def describe_condition(name: str) -> str:
    """The condition's docstring in one line."""
    return (inspect.getdoc(get_condition(name)) or "").split("\n")[0]
