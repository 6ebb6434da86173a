"""Which weights of a training run are kept: the rule that training settings name."""

from __future__ import annotations

from oodml.training import SelectionRule, TrainingSettings, create_selection_rule


def selection_rule(settings: TrainingSettings) -> SelectionRule:
    """A fresh rule with the settings' options; UsageError for an unknown rule or option."""
    return create_selection_rule(settings.selection, **settings.selection_options)
