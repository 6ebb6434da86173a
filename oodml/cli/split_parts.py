"""What ``oodml split list`` shows: generators, measures, backbones, formats."""

from __future__ import annotations

import json
from typing import Any

import typer

from oodml.cli import catalogue
from oodml.cli.catalogue_tables import entries_json, entries_table, print_tables


def print_parts(as_json: bool) -> None:
    """A table each of generators with their options, of measures, backbones and formats."""
    found = {
        "generators": catalogue.generators(),
        "measures": catalogue.measures(),
        "backbones": catalogue.backbones(),
        "formats": catalogue.formats(),
    }
    if as_json:
        plain: dict[str, Any] = {kind: entries_json(entries) for kind, entries in found.items()}
        # as they were before there was one shape for all
        plain["measures"] = {name: one.summary for name, one in found["measures"].items()}
        plain["backbones"] = {name: one.facts for name, one in found["backbones"].items()}
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    titles = {
        "generators": "generators and their options",
        "measures": "shift measures",
        "backbones": "backbones; timm's arch.tag names serve too",
        "formats": "formats of split files",
    }
    print_tables(*(entries_table(titles[kind], kind[:-1], found[kind]) for kind in found))
