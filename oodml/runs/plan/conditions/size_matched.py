"""Start splits with as few classes as a level that lost some."""

from oodml.runs.plan.conditions.registry import ConditionContext, register_condition
from oodml.runs.plan.split import Split
from oodml.shift import size_matched_levels


@register_condition("size-matched")
def size_matched(context: ConditionContext) -> list[Split]:
    """Random classes of the starting partition, as few as the level has: several draws.

    A level as large as the start needs no such control and has no draw.
    """
    return [
        context.split_of("size-matched", drawn, draw)
        for level in context.each_level("size-matched")
        for draw, drawn in enumerate(size_matched_levels(context.ladder, level.index))
    ]
