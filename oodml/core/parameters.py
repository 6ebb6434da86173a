"""One language for parameters: of methods, wrappers, batch rules, generators, tasks and searches.

A parameter declares default, validity and search range on one line of a class; an object of that
class holds values, checked by name and type when it is made.
"""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

import numpy as np

from oodml.core.errors import UsageError
from oodml.core.hashing import sha256_json
from oodml.core.hints import near_names
from oodml.core.values import LARGEST_INTEGER, shown

V = TypeVar("V")


class Parameter(Generic[V]):
    """A class attribute that reads as its value on an instance.

    Args:
        default: the value where none is given; its type is the parameter's type.
        description: one line for people.
        kind: the type, where the default is None.
        optional: it may be None; so it is in any case where the default is None.
        minimum, maximum: smallest and largest allowed value (numbers only).
        above: the value must be greater than this (numbers only).
        search: (low, high) for searches, drawn on a log scale where ``log``.
        choices: allowed values (strings and others drawn from a list).
        aliases: further names it may be given by, for instance an older one.
        silent: at its default it takes no part in the identity of what it belongs to. For one that
            was added later: what was computed before it existed stays what it is.
    """

    def __init__(
        self,
        default: V,
        description: str,
        *,
        kind: type | None = None,
        optional: bool = False,
        minimum: float | None = None,
        maximum: float | None = None,
        above: float | None = None,
        search: tuple[float, float] | None = None,
        log: bool = False,
        choices: tuple[V, ...] | None = None,
        aliases: tuple[str, ...] = (),
        silent: bool = False,
    ) -> None:
        if default is None and kind is None:
            raise TypeError("a parameter whose default is None needs its kind")
        self.default: V = default
        self.description = description
        self.kind: type = kind or type(default)
        self.optional = optional or default is None
        self.minimum = minimum
        self.maximum = maximum
        self.above = above
        self.search = search
        self.log = log
        self.choices: tuple[V, ...] | None = choices
        self.aliases = aliases
        self.silent = silent
        self.name = ""

    def with_default(self, default: V) -> Parameter[V]:
        """The same parameter for a subclass that starts from another value."""
        other = copy.copy(self)
        other.default = default
        other.optional = self.optional or default is None
        return other

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Parameter[V]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> V: ...
    def __get__(self, instance: object | None, owner: type) -> Parameter[V] | V:
        if instance is None:
            return self
        value: V = instance.__dict__.get(f"_{self.name}", self.default)
        return value

    def __set__(self, instance: object, value: V) -> None:
        raise AttributeError(f"parameter {self.name!r} is set when the object is made")

    def checked(self, where: str, value: Any) -> Any:
        """``value`` as this parameter's type; UsageError beginning with ``where`` otherwise."""
        if value is None and self.optional:
            return value
        if isinstance(value, np.generic):
            value = value.item()
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if self.kind is tuple and isinstance(value, list):
            value = tuple(value)
        if type(value) is not self.kind:
            expected = self.kind.__name__ + (" or null" if self.optional else "")
            raise UsageError(f"{where}: expected {expected}, got {shown(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{where}: expected a finite number, got {shown(value)}")
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise UsageError(f"{where}: {shown(value)} is too large a number")
        if isinstance(value, int | float):
            if self.minimum is not None and value < self.minimum:
                raise UsageError(f"{where}: must be at least {self.minimum}, got {shown(value)}")
            if self.maximum is not None and value > self.maximum:
                raise UsageError(f"{where}: must be at most {self.maximum}, got {shown(value)}")
            if self.above is not None and value <= self.above:
                raise UsageError(f"{where}: must be above {self.above}, got {shown(value)}")
        if self.choices is not None and value not in self.choices:
            allowed = ", ".join(map(str, self.choices))
            raise UsageError(f"{where}: expected one of {allowed}, got {shown(value)}")
        return value


class Parametrised:
    """Base of everything with parameters.

    Class attributes:
        owner_kind: what the object is, for messages: "method", "generator", ...
        noun: what a parameter of it is called: "hyper-parameter", "option", ...
        name: the name it is registered by.
    """

    owner_kind: ClassVar[str] = "object"
    noun: ClassVar[str] = "option"
    name: ClassVar[str] = ""

    def __init__(self, /, **given: Any) -> None:
        declared = self.declared()
        alias_of = {alias: key for key, p in declared.items() for alias in p.aliases}
        for name, value in given.items():
            key = alias_of.get(name, name)
            if key not in declared:
                raise UsageError(self._unknown(name, declared), key=name)
            if f"_{key}" in self.__dict__:
                raise UsageError(f"{self._owner()}: {self.noun} {key!r} is given twice", key=key)
            where = f"{self._owner()}, {self.noun} {key!r}"
            try:
                self.__dict__[f"_{key}"] = declared[key].checked(where, value)
            except UsageError as error:
                raise UsageError(str(error), key=name) from None

    @classmethod
    def declared(cls) -> dict[str, Parameter[Any]]:
        """All parameters of the class by name, inherited ones included and first."""
        found: dict[str, Parameter[Any]] = {}
        for base in reversed(cls.__mro__):
            found |= {k: v for k, v in vars(base).items() if isinstance(v, Parameter)}
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter with its value."""
        return {name: getattr(self, name) for name in self.declared()}

    def replaced(self, **changes: Any) -> Self:
        """The same with some values changed; they are checked as when it is made."""
        return type(self)(**{**self.parameters, **changes})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.parameters == other.parameters  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), sha256_json(self.parameters)))

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.parameters.items())
        return f"{type(self).__name__}({inside})"

    def _owner(self) -> str:
        return f"{self.owner_kind} {self.name!r}" if self.name else self.owner_kind

    def _unknown(self, name: str, known: dict[str, Parameter[Any]]) -> str:
        near = near_names(name, known, most=1)
        hint = f"it has: {', '.join(known)}" if known else "it has none"
        return (
            f"{self._owner()} has no {self.noun} {shown(name)}; "
            f"{f'did you mean {near[0]!r}?' if near else hint}"
        )


def readable_value(value: Any) -> str:
    """A value as it stands in a label: 0.1, 3, mean."""
    return f"{value:g}" if isinstance(value, float) else str(value)
