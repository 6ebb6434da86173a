"""The batch rule of a training: the method's own, or the one that the settings name."""

from __future__ import annotations

from oodml.core.errors import UsageError
from oodml.methods import BatchRule
from oodml.methods.adaptation import Learner
from oodml.methods.batch_rule import batch_rule_class, create_batch_rule
from oodml.training.settings import TrainingSettings

OWN_RULE = TrainingSettings.model_fields["batch_rule"].default


def check_batch_rule(settings: TrainingSettings) -> None:
    """UsageError for an unknown rule or parameter, or parameters without a rule."""
    name, options = settings.batch_rule, settings.batch_rule_options
    if name != OWN_RULE:
        create_batch_rule(name, **options)
    elif options:
        raise UsageError(
            "batch_rule_options need a batch_rule; the method's own has the method's",
            key="batch_rule_options",
        )


def batches_of(method: Learner, settings: TrainingSettings) -> BatchRule:
    """Which items an update of ``method`` sees.

    ``settings.batch_rule`` takes the place of the method's own rule. It has the method's
    ``images_per_class`` where it has such a parameter and no other value is given.

    Raises:
        UsageError: an unknown rule or parameter; parameters without a rule; a rule whose batches
            the method cannot learn from: it shows other views, or roles where there are none.
    """
    own = method.batches()
    check_batch_rule(settings)
    name, options = settings.batch_rule, settings.batch_rule_options
    if name == OWN_RULE:
        return own
    kind = batch_rule_class(name)
    if (kind.views, kind.roles) != (own.views, own.roles):
        raise UsageError(
            f"batch_rule: method {method.name!r} learns from {_shape(own)}, batch rule {name!r} gives "
            f"{_shape(kind)}; leave it at {OWN_RULE!r}",
            key="batch_rule",
        )
    inherited = {}
    if "images_per_class" in kind.declared():
        inherited["images_per_class"] = method.images_per_class
    return kind(**{**inherited, **options})


def _shape(rule: BatchRule | type[BatchRule]) -> str:
    views = f"{rule.views} views an item" if rule.views > 1 else "one view an item"
    return f"{views}, {'support and query items' if rule.roles else 'all in one role'}"
