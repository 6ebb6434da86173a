"""What there is to choose from, by name: an entry a registered thing, third-party ones included."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml.core.parameters import Parameter


@dataclass(frozen=True)
class Entry:
    """A registered thing as commands show it.

    Attributes:
        text: what it is; the first line stands in lists.
        facts: further columns, by their JSON names.
        options: its parameters.
    """

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Parameter[Any]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line of the text."""
        return self.text.split("\n")[0]

    @classmethod
    def of(cls, documented: Any, **facts: Any) -> Entry:
        """From the docstring, and the parameters of a class that declares some."""
        declared = getattr(documented, "declared", dict)
        return cls(inspect.cleandoc(documented.__doc__ or ""), facts, declared())


Entries = dict[str, Entry]


def generators() -> Entries:
    from oodml.shift import GENERATORS

    return {name: Entry.of(one) for name, one in GENERATORS.items()}


def measures() -> Entries:
    from oodml.shift import MEASURES

    return {name: Entry.of(one) for name, one in MEASURES.items()}


def backbones() -> Entries:
    from oodml.features import list_backbones

    return {name: _backbone(name) for name in list_backbones()}


def _backbone(name: str) -> Entry:
    from oodml.features import create_backbone

    try:
        found = create_backbone(name)
    except Exception as error:  # anybody's code; the others are listed all the same
        text = f"cannot be made: {type(error).__name__}: {error}"
        return Entry(text, {"dim": None, "image_size": None, "pretraining": text})
    size = found.preprocessing and found.preprocessing.size
    text = f"Pretrained on {found.pretraining}." if found.preprocessing else "Vectors as given."
    return Entry(text, {"dim": found.dim, "image_size": size, "pretraining": found.pretraining})


def formats() -> Entries:
    from oodml.shift.formats import FORMATS

    return {
        name: Entry.of(form, endings=list(form.suffixes), reads=form.reads(), writes=form.writes())
        for name, form in FORMATS.items()
    }


def selection_rules() -> Entries:
    from oodml.training.selection import list_selection_rules, selection_rule_class

    return {name: Entry.of(selection_rule_class(name)) for name in list_selection_rules()}


def augmentations() -> Entries:
    from oodml.training.augmentation import augmentation_class, list_augmentations

    return {name: Entry.of(augmentation_class(name)) for name in list_augmentations()}


def batch_rules() -> Entries:
    from oodml.methods.batch_rule import batch_rule_class, list_batch_rules

    return {name: Entry.of(batch_rule_class(name)) for name in list_batch_rules()}


def tasks() -> Entries:
    from oodml.runs.tasks import list_tasks, task_class

    return {name: Entry.of(task_class(name)) for name in list_tasks()}


def conditions() -> Entries:
    from oodml.runs.plan.conditions import get_condition, list_conditions

    return {name: Entry.of(get_condition(name)) for name in list_conditions()}


Catalogue = Callable[[], Entries]
