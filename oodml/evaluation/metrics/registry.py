"""Metrics by name. A retrieval metric is one pure function on a ranks table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.registry import Registry
from oodml.evaluation.rank_table import PositiveRanks

MetricFunction = Callable[..., NDArray[np.float64]]


@dataclass(frozen=True)
class RegisteredMetric:
    """A definition. ``function(ranks)`` or, for names ending in ``_at_k``, ``function(ranks, k)``.

    Attributes:
        formula, source: what it computes, in text, and who defined it so.
    """

    name: str
    function: MetricFunction
    formula: str
    source: str

    @property
    def takes_k(self) -> bool:
        return self.name.endswith("_at_k")


@dataclass(frozen=True)
class Metric:
    """A definition with its k bound: called with a ranks table it gives float64 [Q].

    The table must hold only queries that have a positive (`PositiveRanks.scored`).
    """

    name: str
    definition: RegisteredMetric
    k: int | None = None

    def __call__(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        function: Any = self.definition.function
        return function(ranks) if self.k is None else function(ranks, self.k)


_metrics: Registry[RegisteredMetric] = Registry("metric")


def register_metric(
    name: str, *, formula: str, source: str
) -> Callable[[MetricFunction], MetricFunction]:
    """Decorator: add a retrieval metric under ``name``.

    A name ending in ``_at_k`` is a family: the function takes ``(ranks, k)`` and users ask for
    ``..._at_8``.
    """

    def add(function: MetricFunction) -> MetricFunction:
        _metrics.register(name)(RegisteredMetric(name, function, formula, source))
        return function

    return add


def get_metric(name: str) -> Metric:
    """The metric called ``name``; UsageError with near names if there is none.

    >>> get_metric("recall_at_8").k
    8
    """
    if name not in _metrics and (found := re.fullmatch(r"(.+)_at_([0-9]+)", name)):
        family, k = f"{found[1]}_at_k", int(found[2])
        if family in _metrics:
            if k < 1:
                raise UsageError(f"metric {name!r}: k must be at least 1")
            return Metric(name, _metrics.get(family), k)
    definition = _metrics.get(name)
    if definition.takes_k:
        raise UsageError(f"metric {name!r}: put a number for k, for instance {name[:-1]}1")
    return Metric(name, definition)


def list_metrics() -> list[str]:
    """Registered names, sorted; ``..._at_k`` stands for every k."""
    return _metrics.names()


def describe_metrics() -> Iterable[RegisteredMetric]:
    """All definitions, by name."""
    return [definition for _, definition in _metrics.items()]
