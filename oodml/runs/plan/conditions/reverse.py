"""Sides exchanged: the same distance, other test classes."""

from oodml.runs.plan.conditions.registry import ConditionContext, register_condition
from oodml.runs.plan.split import Split
from oodml.shift import reverse_level


@register_condition("reverse")
def reverse(context: ConditionContext) -> list[Split]:
    """Train on the level's test side, test on its training side: equal shift, other difficulty."""
    return [
        context.split_of("reverse", reverse_level(context.ladder, level.index))
        for level in context.each_level("reverse")
    ]
