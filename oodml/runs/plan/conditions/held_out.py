"""Trained as forward, tested on the images that the ceiling is tested on."""

from dataclasses import replace

from oodml.runs.plan.conditions.ceiling import ceiling
from oodml.runs.plan.conditions.registry import ConditionContext, register_condition
from oodml.runs.plan.split import Split


@register_condition("held-out")
def held_out(context: ConditionContext) -> list[Split]:
    """Train as forward, test on the ceiling's test images: what a transfer share compares.

    The training is forward's to the bit, so where that cell is done its weights are taken.
    """
    tested = {split.level: split.test for split in ceiling(context)}
    return [
        replace(context.split_of("held-out", level), test=tested[level.index], trained_as="forward")
        for level in context.each_level("held-out")
    ]
