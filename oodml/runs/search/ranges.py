"""What values are drawn from: declared ranges of parameters, and of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oodml.core.errors import UsageError
from oodml.core.parameters import Parameter
from oodml.core.values import shown
from oodml.methods import Method
from oodml.runs.search.points import Searched, check_known, is_training

EDGE = 0.05  # share of a range, on the scale it is drawn on, that counts as its end


@dataclass(frozen=True)
class Range:
    """Where a parameter's values are drawn from.

    Attributes:
        low, high: both ends included; unused where there are ``choices``.
        log: evenly on a log scale.
        whole: whole numbers only.
        choices: one of these instead.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def at(self, share: float) -> Any:
        """The value a share 0 <= u < 1 of the way along, with three significant digits.

        >>> Range(1e-5, 1e-3, log=True).at(0.5), Range(2, 8, whole=True).at(0.99)
        (0.0001, 8)
        """
        if self.choices:
            return self.choices[int(share * len(self.choices))]
        if self.whole and not self.log:
            return int(self.low + math.floor(share * (self.high - self.low + 1)))
        if self.log:
            value = math.exp(_between(math.log(self.low), math.log(self.high), share))
        else:
            value = _between(self.low, self.high, share)
        value = min(max(float(f"{value:.3g}"), self.low), self.high)
        return round(value) if self.whole else float(value)

    def share_of(self, value: Any) -> float:
        """How far along the range a number lies; below 0 and above 1 outside."""
        if self.log:
            value = float(value)
            if value <= 0:
                return -math.inf
            return _share(math.log(value), math.log(self.low), math.log(self.high))
        return _share(float(value), self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Whether a value could have been drawn."""
        if self.choices:
            return value in self.choices
        return isinstance(value, int | float) and 0.0 <= self.share_of(value) <= 1.0


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


def at_range_edge(value: Any, one: Range) -> bool:
    """Whether a value lies at an end of the range, or beyond."""
    if one.choices or not one.holds(value):
        return not one.choices
    if one.whole:
        return value in (one.low, one.high)
    return not EDGE <= one.share_of(value) <= 1 - EDGE


def at_grid_edge(value: Any, listed: Sequence[Any]) -> bool:
    """Whether a value is the least or largest of more than two numbers."""
    tried = list(dict.fromkeys(listed))
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in tried)
    return numbers and len(tried) > 2 and value in (min(tried), max(tried))


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


def _between(low: float, high: float, share: float) -> float:
    return low + share * (high - low)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)
