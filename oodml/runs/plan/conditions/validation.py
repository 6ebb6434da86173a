"""Trained on the train classes, tested on the val classes: where settings are chosen."""

from dataclasses import replace

from oodml.core.errors import UsageError
from oodml.runs.plan.conditions.registry import ConditionContext, register_condition
from oodml.runs.plan.split import Items, Split


@register_condition("validation")
def validation(context: ConditionContext) -> list[Split]:
    """Train on the level's train classes, test on its val classes; the test side is not opened.

    Learning rates and the like are chosen here (`oodml search`).
    """
    splits = []
    for level in context.each_level():
        if len(level.val) < 2:
            raise UsageError(
                f"condition 'validation': level {level.index} of ladder {context.ladder.name!r} "
                f"has {len(level.val)} validation classes; at least 2 are needed"
            )
        whole = context.split_of("validation", level)
        splits.append(replace(whole, val=_none(whole.val), test=whole.val))
    return splits


def _none(items: Items) -> Items:
    return Items(items.rows[:0], items.labels[:0], ())
