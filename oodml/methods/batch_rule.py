"""BatchRule: which items an update sees, as a pure function of (seed, step)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError
from oodml.core.hashing import derived_seed
from oodml.core.parameters import Parametrised
from oodml.core.registry import Registry


@dataclass(frozen=True)
class Drawn:
    """The rows of one update.

    Attributes:
        positions: int64 [B], places in the labels the rule was opened with; every one is seen in
            all of the rule's views.
        support: bool [B], support items of an episode; None without roles.
    """

    positions: NDArray[np.int64]
    support: NDArray[np.bool_] | None = None


Draw = Callable[[int], Drawn]


class BatchRule(Parametrised):
    """Base of all batch rules; a subclass gives ``open``.

    Class attributes:
        views: how often each drawn item is seen in an update, augmented apart each time.
        roles: whether items are support or query of an episode (``Drawn.support``).
    """

    owner_kind = "batch rule"
    views: ClassVar[int] = 1
    roles: ClassVar[bool] = False

    def open(self, labels: NDArray[np.int64], size: int, seed: int) -> Draw:
        """``step number -> Drawn``, a pure function, so that training can continue at any step.

        Args:
            labels: int64 [n], class of each item that may be drawn (any integers).
            size: rows of an update, all views together.
            seed: of the run.

        Raises:
            UsageError: labels or a size the rule cannot draw from.
        """
        raise NotImplementedError

    def epoch(self, labels: NDArray[np.int64], size: int) -> int:
        """Updates in which about as many items are drawn as there are: what is called an epoch."""
        return max(1, -(-len(labels) // size))

    def on_support(self, shots: int) -> BatchRule:
        """The rule to adapt with on a support set of ``shots`` items a class."""
        return self


R = TypeVar("R", bound=type[BatchRule])
_rules: Registry[type[BatchRule]] = Registry(
    "batch rule", packages=("oodml.methods.batches",), base=BatchRule
)


def register_batch_rule(name: str) -> Callable[[R], R]:
    """Class decorator: make a BatchRule available as ``name``."""
    return _rules.register_class(name)


def batch_rule_class(name: str) -> type[BatchRule]:
    """The class registered as ``name``; UsageError with near names when there is none."""
    return _rules.get(name)


def create_batch_rule(name: str, **parameters: object) -> BatchRule:
    """A rule by name; UsageError with near names when there is none."""
    return batch_rule_class(name)(**parameters)


def list_batch_rules() -> list[str]:
    return _rules.names()


def items_by_class(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Positions of each class's items, classes in ascending order; UsageError below two classes."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    found = np.split(order, starts[1:]) if len(order) else []
    if len(found) < 2:
        raise UsageError(f"training needs at least two classes, got {len(found)}")
    return found


def batch_generator(seed: int, step: int) -> np.random.Generator:
    """The random generator of one update's batch."""
    return np.random.default_rng(derived_seed("batch", seed, step))
