"""Options of generators and measures: declared as dataclasses, checked by name and type."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from oodml.core.errors import UsageError

T = TypeVar("T")


def parse_options(kind: type[T], given: Mapping[str, Any], owner: str) -> T:
    """An options dataclass from a mapping.

    Raises:
        UsageError: an unknown name (near ones are suggested) or a value of the wrong type.
    """
    hints = typing.get_type_hints(kind)
    names = [f.name for f in fields(typing.cast(Any, kind))]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(names)}"
            raise UsageError(f"{owner} has no option {name!r}; {hint}")
        values[name] = _checked(f"{owner}: option {name}", value, hints[name])
    return kind(**values)


def _checked(where: str, value: Any, hint: Any) -> Any:
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    allowed = typing.get_args(hint) if union else (hint,)
    for kind in allowed:
        plain = typing.get_origin(kind) or kind
        if plain is types.NoneType and value is None:
            return None
        if plain is bool and isinstance(value, bool):
            return value
        if plain is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if plain is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if plain is str and isinstance(value, str):
            return value
        if plain is tuple and isinstance(value, list | tuple):
            return tuple(value)
    expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in allowed)
    raise UsageError(f"{where} is {value!r}, expected {expected.replace('NoneType', 'null')}")
