"""``oodml NOUN list|show`` for what is registered by name; one place for all nouns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from oodml.cli import catalogue
from oodml.cli.catalogue import Catalogue, Entries
from oodml.cli.options import Json
from oodml.core.errors import UsageError
from oodml.core.hints import name_hint


def catalogue_app(what: str, note: str, kinds: Mapping[str, Catalogue]) -> typer.Typer:
    """Commands ``list`` and ``show`` of a noun.

    Args:
        what: of one thing: "generator".
        note: one line of help: what they are and where their names are given.
        kinds: title -> catalogue; where there are several, JSON has a table a title.
    """
    app = typer.Typer(no_args_is_help=True, help=note)

    @app.command("list", help=f"All {what}s with their options, third-party ones included.")
    def list_command(as_json: Json = False) -> None:
        from oodml.cli.catalogue_tables import entries_json, entries_table, print_tables

        found = {title: entries() for title, entries in kinds.items()}
        if as_json:
            plain = {title: entries_json(entries) for title, entries in found.items()}
            typer.echo(_dumped(plain if len(plain) > 1 else next(iter(plain.values()))))
            return
        print_tables(*(entries_table(title, what, entries) for title, entries in found.items()))

    @app.command("show", help=f"One {what}: what it is and its options.")
    def show_command(
        name: Annotated[str, typer.Argument(metavar="NAME")], as_json: Json = False
    ) -> None:
        from oodml.cli.catalogue_tables import entries_json, print_entry

        entries: Entries = {}
        for one in kinds.values():
            entries |= one()
        if name not in entries:
            raise UsageError(f"unknown {what} {name!r}; {name_hint(name, entries)}")
        if as_json:
            typer.echo(_dumped({"name": name, **entries_json({name: entries[name]})[name]}))
        else:
            print_entry(name, entries[name])

    return app


def _dumped(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


backbones = catalogue_app(
    "backbone",
    "Networks that give features, for --backbone and table features of a spec.",
    {"backbones; timm's arch.tag names serve too": catalogue.backbones},
)
generators = catalogue_app(
    "generator",
    "What makes ladders, for --generator and table ladder of a spec.",
    {"ladder generators": catalogue.generators},
)
measures = catalogue_app(
    "measure",
    "What else measures class shift: oodml split measure --measure.",
    {"shift measures": catalogue.measures},
)
rules = catalogue_app(
    "rule",
    "Which weights a training keeps (selection), what a batch is drawn by (batch), what training "
    "images go through (augmentation).",
    {
        "selection": catalogue.selection_rules,
        "batch": catalogue.batch_rules,
        "augmentation": catalogue.augmentations,
    },
)
tasks = catalogue_app(
    "task",
    "What a trained embedding is scored by: tables tasks of a spec.",
    {"tasks": catalogue.tasks},
)
conditions = catalogue_app(
    "condition",
    "How a level's images are split: conditions of a spec.",
    {"conditions": catalogue.conditions},
)
