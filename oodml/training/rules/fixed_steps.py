"""No selection."""

from oodml.training.selection import SelectionRule, register_selection_rule


@register_selection_rule("fixed-steps")
class FixedSteps(SelectionRule):
    """Train for the protocol's steps on train and val classes; keep the last weights."""
