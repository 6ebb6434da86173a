"""Points of a search: a method of the spec with some of its values changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from oodml.core.errors import UsageError
from oodml.core.hints import name_hint
from oodml.core.values import shown
from oodml.runs.plan.methods import PlannedMethod
from oodml.runs.plan.spec import BenchmarkSpec, parse_spec
from oodml.training import TrainingSettings


@dataclass(frozen=True)
class Searched:
    """A method of the spec that trains.

    Attributes:
        entry: its table in the resolved spec.
    """

    planned: PlannedMethod
    entry: dict[str, Any]

    @property
    def label(self) -> str:
        return self.planned.label

    @property
    def known(self) -> set[str]:
        """Every name that a value of it may be given by."""
        return {*TrainingSettings.model_fields, *self.planned.method.accepted_names}


@dataclass(frozen=True)
class Point:
    """Values to try, the method's table with them, and the label that its cells carry."""

    values: dict[str, Any]
    entry: dict[str, Any]
    label: str


def searched_methods(spec: BenchmarkSpec, names: Sequence[str] | None = None) -> list[Searched]:
    """The spec's methods that train, in its order.

    Args:
        names: names or labels of those to take; all by default.

    Raises:
        UsageError: a name the spec does not have, or none that trains.
    """
    entries = spec.resolved()["methods"]
    every = [
        Searched(planned, entry)
        for planned, entry in zip(spec.methods(), entries, strict=True)
        if planned.method.trains
    ]
    if not every:
        raise UsageError("search: the spec has no method that trains")
    if names is None:
        return every
    known = {name for one in every for name in (one.planned.method.name, one.label)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"search: the spec has no method {shown(name)} that trains; "
                f"{name_hint(name, known)}",
                key="methods",
            )
    return [one for one in every if {one.planned.method.name, one.label} & set(names)]


def check_known(names: Iterable[str], methods: Sequence[Searched]) -> None:
    """UsageError for a parameter that neither training settings nor one of the methods has."""
    known = {name for one in methods for name in one.known}
    for name in names:
        if name not in known:
            raise UsageError(f"search: unknown parameter {shown(name)}; {name_hint(name, known)}")


def is_training(name: str) -> bool:
    """Whether a parameter is a training setting, not a hyper-parameter."""
    return name in TrainingSettings.model_fields


def point(spec: BenchmarkSpec, entry: dict[str, Any], values: dict[str, Any]) -> Point:
    """The method of ``entry`` with ``values`` instead of its own; UsageError for a wrong one.

    A selection rule of its own is left out: the validation classes are what is scored.
    """
    own = {k: v for k, v in entry.get("training", {}).items() if not k.startswith("selection")}
    training = {key: value for key, value in values.items() if is_training(key)}
    others = {key: value for key, value in values.items() if not is_training(key)}
    changed = {**entry, **others, "training": {**own, **training}}
    changed.pop("preset", None)  # its values stand in the resolved entry
    alone = parse_spec({**spec.resolved(), "methods": [changed]}, "search")
    return Point(values, changed, alone.methods()[0].label)
