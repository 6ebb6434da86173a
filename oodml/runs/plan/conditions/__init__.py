"""How a level's items are split: a registry of conditions, one file each.

A condition is a function ``(context) -> list[Split]``. The seed of a cell of any condition but
``forward`` also hashes the condition's name and draw.
"""

from oodml.runs.plan.conditions.registry import (
    Condition,
    ConditionContext,
    describe_condition,
    get_condition,
    list_conditions,
    register_condition,
)

__all__ = [
    "Condition",
    "ConditionContext",
    "describe_condition",
    "get_condition",
    "list_conditions",
    "register_condition",
]
