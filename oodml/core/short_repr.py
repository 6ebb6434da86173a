"""What large results show of themselves: a line in a session, a small table in a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from oodml.core.text import one_line

_LONGEST = 60


def short_fields(instance: Any) -> str:
    """``Name(field=..., ...)`` of a dataclass, however much it holds: arrays by type and shape,
    collections by their length. Assign it to ``__repr__``.
    """
    shown = [
        f"{one.name}={short_value(getattr(instance, one.name))}"
        for one in fields(instance)
        if one.repr
    ]
    return f"{type(instance).__name__}({', '.join(shown)})"


def short_value(value: Any) -> str:
    """A value in at most 60 characters.

    >>> short_value(np.zeros((5, 3))), short_value(("a",) * 100), short_value({"x": 1})
    ('float64[5, 3]', 'tuple of 100', "{'x': 1}")
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{dtype}[{', '.join(map(str, value.shape))}]"
    large = isinstance(value, (str, bytes, Sequence, Mapping, set, frozenset)) and len(value) > 20
    if large and not isinstance(value, (str, bytes)):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value[: 2 * _LONGEST] if isinstance(value, (str, bytes)) else value)
    if len(text) <= _LONGEST:
        return text
    if large or isinstance(value, (str, bytes)):
        return text[: _LONGEST - 3] + "..."
    if isinstance(value, (Sequence, Mapping, set, frozenset)):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__


def html_table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], most: int = 40
) -> str:
    """A small table for ``_repr_html_``, every text escaped; rows beyond ``most`` are counted."""
    head = "".join(f"<th>{_cell(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(one)}</td>" for one in row) + "</tr>" for row in rows[:most]
    )
    more = f"<p>and {len(rows) - most} more rows</p>" if len(rows) > most else ""
    return (
        f"<div><p><b>{_cell(title)}</b></p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}</div>"
    )


def html_fields(instance: Any) -> str:
    """The fields of a dataclass as such a table. Assign it to ``_repr_html_``."""
    rows = [
        [one.name, short_value(getattr(instance, one.name))] for one in fields(instance) if one.repr
    ]
    return html_table(type(instance).__name__, ["", ""], rows)


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.4g}"
    return html.escape(one_line(str(value)))
