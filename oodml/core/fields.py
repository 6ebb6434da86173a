"""Strict field types of pydantic models: a text or a truth value is no number, and none is NaN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, Strict

from oodml.core.values import LARGEST_INTEGER, shown

Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]  # whole numbers are numbers too
Flag = Annotated[bool, Strict()]
Seed = Annotated[int, Strict(), Field(ge=0, le=LARGEST_INTEGER)]


def what_is_wrong(problem: Mapping[str, Any]) -> str:
    """One of pydantic's problems in plain words: ``expected a whole number, got '5'``."""
    context = problem.get("ctx", {})
    kind = problem["type"]
    if kind == "value_error":
        text = str(context.get("error", problem["msg"]))
    elif kind in _EXPECTED:
        text = _EXPECTED[kind].format(**context)
    else:
        text = str(problem["msg"])
    return f"{text}, got {shown(problem['input'])}"


_EXPECTED = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "path_type": "expected a path",
    "literal_error": "expected {expected}",
    "too_short": "expected at least {min_length} of them",
    "string_too_long": "expected at most {max_length} characters",
    "greater_than_equal": "expected at least {ge}",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected at most {le}",
    "less_than": "expected less than {lt}",
}
