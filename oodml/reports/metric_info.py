"""How a metric is written and read: its unit, its direction, its title."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from oodml.core.errors import UsageError
from oodml.evaluation import get_metric

K = TypeVar("K", bound=Hashable)

_TITLES = {"map_at_r": "MAP@R", "r_precision": "R-precision"}


@dataclass(frozen=True)
class MetricInfo:
    """A metric as tables show it.

    Attributes:
        higher_is_better: None where the value describes and neither end is better.
        unit: "share" is printed as per cent, anything else as it is.
    """

    name: str
    higher_is_better: bool | None = True
    unit: str = "share"

    @property
    def scale(self) -> float:
        """What a value is multiplied with to be printed or drawn."""
        return 100.0 if self.unit == "share" else 1.0

    @property
    def title(self) -> str:
        """The name as prose writes it, for axes."""
        if found := re.fullmatch(r"recall_at_([0-9]+)", self.name):
            return f"Recall@{found[1]}"
        if found := re.fullmatch(r"accuracy_([0-9]+)_shot", self.name):
            return f"{found[1]}-shot accuracy"
        return _TITLES.get(self.name, self.name)

    @property
    def reading(self) -> str:
        """What must be known to read a number, in brackets: " (%)", " (lower is better)", or ""."""
        parts = ["%"] if self.unit == "share" else []
        parts += ["lower is better"] if self.higher_is_better is False else []
        return f" ({', '.join(parts)})" if parts else ""

    @property
    def best_word(self) -> str:
        """What the best mean of a column is: "highest" or "lowest"."""
        return "lowest" if self.higher_is_better is False else "highest"

    def best(self, values: Mapping[K, float]) -> frozenset[K]:
        """The keys with the best value, several where they are equal; none where none is better."""
        known = {key: value for key, value in values.items() if not math.isnan(value)}
        if self.higher_is_better is None or not known:
            return frozenset()
        top = max(known.values()) if self.higher_is_better else min(known.values())
        return frozenset(key for key, value in known.items() if value == top)

    def worse(self, value: float, other: float) -> bool:
        """Whether ``value`` is strictly worse than ``other``."""
        if self.higher_is_better is None:
            return False
        return value < other if self.higher_is_better else value > other

    def number(self, value: float) -> str:
        """A value as tables print it: per cent with two decimals, or four significant digits."""
        return f"{100 * value:.2f}" if self.unit == "share" else f"{value:.4g}"

    def spread(self, value: float) -> str:
        """The number behind a ±."""
        return f"{100 * value:.2f}" if self.unit == "share" else f"{value:.2g}"

    def end(self, value: float) -> str:
        """An end of an interval, a digit shorter than a value."""
        return f"{100 * value:.1f}" if self.unit == "share" else f"{value:.3g}"


# What other tasks than retrieval add to the name of one of its metrics.
_OF_SHOTS = re.compile(r"(.+)_[0-9]+_shot_(before|after|gain)")
_LOWER_IS_BETTER = ("verification_eer",)


def metric_info(name: str) -> MetricInfo:
    """What is known of the metric called ``name``; a share of which more is better by default.

    Metrics of other tasks than retrieval, such as k-shot accuracy, are not in the registry, unless they
    are one of its metrics on fewer images: ``map_at_r_5_shot_after``.
    """
    within = _OF_SHOTS.fullmatch(name)
    try:
        metric = get_metric(within[1] if within else name)
    except UsageError:
        return MetricInfo(name, name not in _LOWER_IS_BETTER)
    return MetricInfo(name, metric.higher_is_better, metric.unit)
