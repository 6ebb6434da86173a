"""Classifiers by name, and what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from oodml.core.registry import Registry
from oodml.core.short_repr import short_fields
from oodml.evaluation.classifiers.unit_rows import unit_rows


class Predictor(Protocol):
    """Queries float64 [B, D], as they were given, to their class codes int64 [B]."""

    @property
    def width(self) -> int:
        """Numbers it computes for one query; bounds how many are classified at a time."""

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.int64]: ...


Classifier = Callable[[NDArray[np.float64], NDArray[np.int64]], Predictor]
"""Support rows float64 [S, D] and their class codes int64 [S] to a predictor."""


@dataclass(frozen=True, repr=False)
class LinearPredictor:
    """The class of a query x is ``codes[argmax(weights @ x + bias)]``; ties go to the first.

    Attributes:
        weights: float64 [R, D].
        bias: float64 [R].
        codes: int64 [R], the class that each row of weights stands for.
        unit_queries: whether queries are divided by their length first.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    codes: NDArray[np.int64]
    unit_queries: bool

    @property
    def width(self) -> int:
        return len(self.bias)

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        if self.unit_queries:
            rows = unit_rows(rows)
        scores = rows @ self.weights.T + self.bias
        return self.codes[scores.argmax(axis=1)]

    __repr__ = short_fields


_classifiers: Registry[Classifier] = Registry(
    "classifier", packages=("oodml.evaluation.classifiers",), functions=True
)


def register_classifier(name: str) -> Callable[[Classifier], Classifier]:
    """Decorator: add a classifier; UsageError where the name is taken."""
    return _classifiers.register(name)


def get_classifier(name: str) -> Classifier:
    """The classifier called ``name``; UsageError with near names if there is none."""
    return _classifiers.get(name)


def list_classifiers() -> list[str]:
    """Registered names, sorted.

    >>> list_classifiers()
    ['linear', 'nearest', 'probe', 'prototype', 'unit-prototype']
    """
    return _classifiers.names()
