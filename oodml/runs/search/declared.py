"""Which parameters of a method are searched, and the ranges that they declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.core.values import shown
from oodml.methods import Method
from oodml.runs.search.points import Searched, check_known, is_training
from oodml.runs.search.ranges import Range

# The protocol's learning rate; what a method declares itself stands in its file.
TRAINING: dict[str, Range] = {
    "learning_rate": Range(1e-5, 1e-2, log=True),
    "weight_decay": Range(1e-6, 1e-2, log=True),
}
DEFAULT_TRAINING = ("learning_rate",)


def searched_ranges(
    method: Searched, wanted: Sequence[str] | None, given: Mapping[str, Range]
) -> dict[str, Range]:
    """The ranges of a method's parameters, by name.

    Args:
        wanted: the parameters to take, of those that the method has; by default the learning rate
            and all the method's own that declare a range. Not those that every method has (the
            learning rate says it already), nor those of the adaptation, which no validation score
            depends on.
        given: ranges that go before the declared ones; they are always taken.

    Raises:
        UsageError: a wanted parameter without a range.
    """
    declared = method.planned.method.all_parameters
    if wanted is None:
        common = set(Method.declared())
        own = [
            name
            for name, one in declared.items()
            if one.search and name not in common and not name.startswith("adaptation_")
        ]
        wanted = [*DEFAULT_TRAINING, *own]
    found = {}
    for name in dict.fromkeys([*wanted, *given]):
        if name in declared or is_training(name):
            found[name] = _checked(name, given.get(name) or _declared(name, declared), declared)
    return found


def check_wanted(
    methods: Sequence[Searched], wanted: Sequence[str] | None, given: Mapping[str, Range]
) -> None:
    """UsageError for a parameter that no method has, by the name it is listed under."""
    check_known([*(wanted or ()), *given], methods)
    listed = {name for one in methods for name in one.planned.method.all_parameters}
    for name in [*(wanted or ()), *given]:
        if name not in listed and not is_training(name):
            raise UsageError(
                f"search: {shown(name)} is another name of a parameter; give the one that "
                "`oodml methods show` lists"
            )


def _declared(name: str, declared: Mapping[str, Parameter[Any]]) -> Range:
    if name not in declared:
        if name in TRAINING:
            return TRAINING[name]
    else:
        one = declared[name]
        if one.search:
            return Range(*one.search, log=one.log, whole=one.kind is int)
        if one.choices or one.kind is bool:
            return Range(choices=one.choices or (False, True))
    raise UsageError(
        f"search: {name!r} declares no range to draw from; give one (--range {name}=LOW,HIGH), or "
        f"its values in a grid (--grid {name}=...)",
        key=name,
    )


def _checked(name: str, one: Range, declared: Mapping[str, Parameter[Any]]) -> Range:
    """A range whose ends the parameter takes, whole where the parameter is."""
    if one.choices:
        return one
    whole = name in declared and declared[name].kind is int
    found = Range(one.low, one.high, one.log, one.whole or whole, one.choices)
    if not found.low < found.high:
        raise UsageError(f"search: range of {name!r}: {one.low:g} is not below {one.high:g}")
    if found.log and found.low <= 0:
        raise UsageError(f"search: range of {name!r}: a log scale begins above 0")
    return found
