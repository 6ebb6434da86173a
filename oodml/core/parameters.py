"""Hyper-parameters declare default, validity and search range on one line of a method's class."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar, overload

from oodml.core.errors import UsageError

V = TypeVar("V", int, float, str, bool)


class HyperParameter(Generic[V]):
    """A class attribute of a method that reads as its value on an instance.

    Args:
        default: the value where none is given; its type is the parameter's type.
        description: one line for ``oodml methods show``.
        minimum: smallest allowed value (numbers only).
        search: (low, high) for searches, drawn on a log scale where ``log``.
        choices: allowed values (strings and others drawn from a list).
    """

    def __init__(
        self,
        default: V,
        description: str,
        *,
        minimum: float | None = None,
        search: tuple[float, float] | None = None,
        log: bool = False,
        choices: tuple[V, ...] | None = None,
    ) -> None:
        self.default: V = default
        self.description = description
        self.minimum = minimum
        self.search = search
        self.log = log
        self.choices: tuple[V, ...] | None = choices
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> HyperParameter[V]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: object | None, owner: type) -> HyperParameter[V] | V:
        if instance is None:
            return self
        value: V = instance.__dict__.get(f"_{self.name}", self.default)
        return value

    def __set__(self, instance: object, value: V) -> None:
        raise AttributeError(f"hyper-parameter {self.name!r} is set when the method is created")

    def checked(self, method: str, value: Any) -> V:
        """``value`` as this parameter's type; UsageError names the method and the parameter."""
        where = f"method {method!r}, hyper-parameter {self.name!r}"
        kind = type(self.default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise UsageError(f"{where}: expected {kind.__name__}, got {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{where}: expected a finite number, got {value!r}")
        if self.minimum is not None and not isinstance(value, str) and value < self.minimum:
            raise UsageError(f"{where}: must be at least {self.minimum}, got {value!r}")
        if self.choices is not None and value not in self.choices:
            raise UsageError(
                f"{where}: expected one of {', '.join(map(str, self.choices))}, got {value!r}"
            )
        result: V = value
        return result
