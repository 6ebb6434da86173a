"""The ladder as it stands."""

from oodml.runs.plan.conditions.registry import ConditionContext, register_condition
from oodml.runs.plan.split import Split


@register_condition("forward")
def forward(context: ConditionContext) -> list[Split]:
    """Train on the level's training side, test on its test classes."""
    return [context.split_of("forward", level) for level in context.each_level()]
