"""Which weights of a training run are kept: the rule that training settings name."""

from __future__ import annotations

from oodml.core.errors import UsageError
from oodml.training import TrainingSettings, create_selection_rule
from oodml.training.selection import SelectionRule


def selection_rule(settings: TrainingSettings) -> SelectionRule:
    """A fresh rule with the settings' options.

    Raises:
        UsageError: an unknown rule, or an option it does not take.
    """
    options = settings.selection_options
    try:
        return create_selection_rule(settings.selection, **options)
    except TypeError:
        if not options:
            raise
        raise UsageError(
            f"selection rule {settings.selection!r} does not take the options {sorted(options)}"
        ) from None
