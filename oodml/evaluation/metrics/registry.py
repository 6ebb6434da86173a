"""Metrics by name: pure functions on a ranks table, or on the embeddings themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import OodmlError, UsageError
from oodml.core.foreign import named_failure
from oodml.core.registry import Registry
from oodml.core.values import LARGEST_INTEGER, shown
from oodml.evaluation.metrics.embedding_set import EmbeddingSet
from oodml.evaluation.ranks.table import PositiveRanks

RankFunction = Callable[..., NDArray[np.float64]]
EmbeddingFunction = Callable[..., float]

Unit = Literal["share", "distance", "length", "count", "none"]
"""What a value is, and so how a table prints it.

- share: 1 is perfect and 0 the worst or mere chance; tables may print per cent.
- distance: between unit vectors (cosine distance, or a squared Euclidean one).
- length: of the vectors as given, or its square; depends on the network's scale.
- count: how many of something.
- none: a pure number, for instance a logarithm.
"""

Depth = Callable[[int, int, int], int]
"""How many of the first neighbours are looked at, by (k, most positives a query, gallery size)."""


@dataclass(frozen=True)
class RegisteredMetric:
    """A definition.

    Attributes:
        function: ``function(ranks)`` giving one value a query, or ``function(embeddings)`` giving
            one number; with ``k`` as second argument for names ending in ``_at_k``.
        formula, source: what it computes, in text, and who defined it so.
        takes: what the function is given.
        higher_is_better: None where the value describes and neither end is better.
        unit: see `Unit`.
        depth: see `Depth`; None for a metric that needs the whole ranking, or the embeddings.
    """

    name: str
    function: Callable[..., Any]
    formula: str
    source: str
    takes: Literal["ranks", "embeddings"]
    higher_is_better: bool | None = True
    unit: Unit = "share"
    depth: Depth | None = None

    @property
    def takes_k(self) -> bool:
        return self.name.endswith("_at_k")


@dataclass(frozen=True)
class Metric:
    """A definition with its k bound."""

    name: str
    definition: RegisteredMetric
    k: int | None = None

    @property
    def takes(self) -> Literal["ranks", "embeddings"]:
        return self.definition.takes

    @property
    def higher_is_better(self) -> bool | None:
        """None where neither end is better."""
        return self.definition.higher_is_better

    @property
    def unit(self) -> Unit:
        return self.definition.unit

    def depth(self, positives: int, gallery: int) -> float:
        """How many of the first neighbours it looks at; infinite where it needs all of them.

        >>> get_metric("recall_at_8").depth(positives=30, gallery=1000)
        8
        """
        depth = self.definition.depth
        return float("inf") if depth is None else depth(self.k or 0, positives, gallery)

    def __call__(self, ranks: PositiveRanks) -> NDArray[np.float64]:
        """Per-query values [Q]; the table must hold only scored queries (`PositiveRanks.scored`).

        Raises:
            OodmlError: the function fails, or does not give one finite number a query.
        """
        if self.takes != "ranks":
            raise UsageError(f"metric {self.name!r} needs the embeddings, not only the ranks")
        values = _numbers(self._call(ranks), self.name)
        if values.shape != (len(ranks),):
            raise OodmlError(
                f"metric {self.name!r} gave values of shape {values.shape}, expected one number for "
                f"each of {len(ranks)} queries: ({len(ranks)},)"
            )
        return values

    def of_embeddings(self, embeddings: EmbeddingSet) -> float:
        """The value for a whole set of embeddings.

        Raises:
            OodmlError: the function fails, or does not give one finite number.
        """
        if self.takes != "embeddings":
            raise UsageError(f"metric {self.name!r} is derived from ranks, not from embeddings")
        value = _numbers(self._call(embeddings), self.name)
        if value.shape != ():
            raise OodmlError(
                f"metric {self.name!r} gave values of shape {value.shape}, expected one number"
            )
        return float(value)

    def _call(self, given: Any) -> Any:
        function = self.definition.function
        with named_failure("metric", self.name):
            return function(given) if self.k is None else function(given, self.k)


def _numbers(given: Any, name: str) -> NDArray[np.float64]:
    """What a metric's function gave as float64, or an OodmlError that names the metric."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
    try:
        values = np.asarray(given)
        kind = values.dtype.kind
    except ValueError:  # rows of different length
        kind = "O"
    if kind not in "fiub":
        raise OodmlError(f"metric {name!r} gave {type(given).__name__}, expected numbers")
    values = values.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        bad = float(values[~np.isfinite(values)].flat[0])
        raise OodmlError(f"metric {name!r} gave {bad}, expected finite numbers")
    return values


_metrics: Registry[RegisteredMetric] = Registry("metric", packages=("oodml.evaluation.metrics",))


def register_metric(
    name: str,
    *,
    formula: str,
    source: str,
    higher_is_better: bool | None = True,
    unit: Unit = "share",
    depth: Depth | None = None,
) -> Callable[[RankFunction], RankFunction]:
    """Decorator: add a retrieval metric, a function from a ranks table to one value a query.

    A name ending in ``_at_k`` is a family: the function takes ``(ranks, k)`` and users ask for
    ``..._at_8``. The table holds only queries that have a positive.

    Args:
        formula, source: what it computes, in text, and who defined it so.
        higher_is_better: the direction; None where neither end is better.
        unit: what a value is, see `Unit`.
        depth: how far down the ranking it looks, see `Depth`; with it, the metric can also be had
            from lists of first neighbours (`metrics_from_neighbours`).
    """

    def add(function: RankFunction) -> RankFunction:
        _metrics.register(name)(
            RegisteredMetric(
                name, function, formula, source, "ranks", higher_is_better, unit, depth
            )
        )
        return function

    return add


def register_embedding_metric(
    name: str,
    *,
    formula: str,
    source: str,
    higher_is_better: bool | None = True,
    unit: Unit = "none",
) -> Callable[[EmbeddingFunction], EmbeddingFunction]:
    """Decorator: add a metric that needs the vectors, a function from an EmbeddingSet to a float.

    The arguments are those of `register_metric`.
    """

    def add(function: EmbeddingFunction) -> EmbeddingFunction:
        _metrics.register(name)(
            RegisteredMetric(name, function, formula, source, "embeddings", higher_is_better, unit)
        )
        return function

    return add


def get_metric(name: str) -> Metric:
    """The metric called ``name``; UsageError with near names if there is none.

    >>> get_metric("recall_at_8").k
    8
    >>> get_metric("uniformity").higher_is_better, get_metric("uniformity").unit
    (False, 'none')
    """
    if (
        isinstance(name, str)
        and name not in _metrics
        and (found := re.fullmatch(r"(.+)_at_([0-9]+)", name))
    ):
        family, k = f"{found[1]}_at_k", int(found[2])
        if family in _metrics:
            if not 1 <= k <= LARGEST_INTEGER:
                raise UsageError(f"metric {shown(name)}: k must be at least 1")
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
