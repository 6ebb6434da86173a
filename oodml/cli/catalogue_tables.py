"""Entries of a catalogue as a table, as JSON, and one by one: the same for every kind of thing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from oodml.cli.catalogue import Entries, Entry
from oodml.core.console import show

if TYPE_CHECKING:
    from oodml.core.parameters import Parameter

# How a fact is called over a column, and how its value is written.
_HEADS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "dim": ("features", lambda value: str(value or "as given")),
    "image_size": ("pixels", lambda value: "" if value is None else str(value)),
    "pretraining": ("pretrained on", str),
    "endings": ("endings", " ".join),
    "reads": ("import", lambda value: "yes" if value else ""),
    "writes": ("export", lambda value: "yes" if value else ""),
}


def entries_json(entries: Entries) -> dict[str, Any]:
    """Name -> summary, facts and options of every entry, for JSON."""
    return {
        name: {
            "summary": one.summary,
            **one.facts,
            **({"options": options_json(one.options)} if one.options else {}),
        }
        for name, one in entries.items()
    }


def options_json(options: Mapping[str, Parameter[Any]]) -> dict[str, Any]:
    """Name -> default, description, what it may be and search range, for JSON."""
    return {
        name: {
            "default": one.default,
            "description": one.description,
            "minimum": one.minimum,
            "above": one.above,
            "maximum": one.maximum,
            "search": one.search,
            "log": one.log,
            "choices": one.choices,
        }
        for name, one in options.items()
    }


def entries_table(title: str, what: str, entries: Entries) -> Table:
    """A row an entry and, below it, a row an option.

    Args:
        title: above the table.
        what: of an entry, over the first column: "generator".
    """
    facts = list(next(iter(entries.values())).facts) if entries else []
    options = any(one.options for one in entries.values())
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column(f"{what} / option" if options else what, overflow="fold")
    if options:
        table.add_column("default", overflow="fold")
    for fact in facts:
        table.add_column(_HEADS[fact][0], overflow="fold")
    summarised = "pretraining" not in facts  # which says the same
    if summarised:
        table.add_column("what it is", overflow="fold")
    for name, one in entries.items():
        written = [_HEADS[fact][1](one.facts[fact]) for fact in facts]
        cells = [name, *([""] if options else []), *written]
        table.add_row(*cells, *([one.summary] if summarised else []), style="bold" * options)
        for option, parameter in one.options.items():
            row = [f"  {option}", option_value(parameter.default), *([""] * len(facts))]
            table.add_row(*row, parameter.description)
    return table


def options_table(options: Mapping[str, Parameter[Any]], noun: str = "option") -> Table:
    """A row an option: default, what it may be, and what it means."""
    table = Table(noun, "default", "search range", "meaning", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    for name, one in options.items():
        span = ""
        if one.search:
            low, high = one.search
            span = f"{low:g} to {high:g}{' (log)' if one.log else ''}"
        choices = f" ({', '.join(map(str, one.choices))})" if one.choices else ""
        table.add_row(name, option_value(one.default), span, one.description + choices)
    return table


def option_value(value: Any) -> str:
    """A default as a spec and ``--option NAME=VALUE`` take it."""
    return json.dumps(value, ensure_ascii=False)


def unwrapped(text: str) -> str:
    """A docstring without the line ends inside its paragraphs, for the terminal to break.

    >>> unwrapped("One,\\ntwo.\\n\\nArgs:\\n    three")
    'One, two.\\n\\nArgs:\\n    three'
    """
    paragraphs = text.split("\n\n")
    return "\n\n".join(one if "\n " in one else one.replace("\n", " ") for one in paragraphs)


def print_entry(name: str, one: Entry) -> None:
    """Everything about one entry."""
    show(Text(name, style="bold"), unwrapped(one.text))
    for fact, value in one.facts.items():
        head, write = _HEADS[fact]
        if write(value):
            show(f"{head}: {write(value)}")
    if one.options:
        show(options_table(one.options))


def print_tables(*tables: Table) -> None:
    """Print tables one after the other."""
    show(*tables)
