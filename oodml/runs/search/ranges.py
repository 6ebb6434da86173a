"""What values are drawn from, and whether one lies at an end of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


def _between(low: float, high: float, share: float) -> float:
    return low + share * (high - low)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low)
