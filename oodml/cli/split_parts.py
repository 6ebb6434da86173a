"""What ``oodml split list`` shows: generators, measures, backbones, formats."""

from __future__ import annotations

import json
from typing import Any

import typer

from oodml.core.console import show


def print_parts(as_json: bool) -> None:
    """A table each of generators with their options, of measures, backbones and formats."""
    parts = _parts()
    if as_json:
        typer.echo(json.dumps(parts, indent=2, ensure_ascii=False))
        return
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(title="generators and their options", title_justify="left", box=SIMPLE)
    for column in ("generator / option", "default", "what"):
        table.add_column(column, overflow="fold")
    for name, generator in parts["generators"].items():
        table.add_row(name, "", generator["summary"], style="bold")
        for option, entry in generator["options"].items():
            table.add_row(f"  {option}", json.dumps(entry["default"]), entry["description"])
    show(table)
    table = Table(title="shift measures", title_justify="left", box=SIMPLE, show_header=False)
    for name, summary in parts["measures"].items():
        table.add_row(name, summary)
    show(table)
    table = Table(
        title="backbones; timm's arch.tag names serve too", title_justify="left", box=SIMPLE
    )
    for column in ("backbone", "features", "pixels", "pretrained on"):
        table.add_column(column)
    for name, entry in parts["backbones"].items():
        pixels = "" if entry["image_size"] is None else str(entry["image_size"])
        table.add_row(name, str(entry["dim"] or "as given"), pixels, entry["pretraining"])
    show(table)
    table = Table(title="formats of split files", title_justify="left", box=SIMPLE)
    for column in ("format", "endings", "import", "export", "what"):
        table.add_column(column)
    for name, entry in parts["formats"].items():
        yes = ["yes" if entry[key] else "" for key in ("reads", "writes")]
        table.add_row(name, " ".join(entry["endings"]), *yes, entry["summary"])
    show(table)


def _parts() -> dict[str, Any]:
    from oodml.features import create_backbone, list_backbones
    from oodml.shift import GENERATORS, MEASURES
    from oodml.shift.formats import FORMATS

    return {
        "generators": {
            name: {
                "summary": _first_line(generator),
                "options": {
                    option: {"default": one.default, "description": one.description}
                    for option, one in generator.declared().items()
                },
            }
            for name, generator in GENERATORS.items()
        },
        "measures": {name: _first_line(measure) for name, measure in MEASURES.items()},
        "backbones": {
            name: {
                "dim": backbone.dim,
                "image_size": backbone.preprocessing and backbone.preprocessing.size,
                "pretraining": backbone.pretraining,
            }
            for name, backbone in ((name, create_backbone(name)) for name in list_backbones())
        },
        "formats": {
            name: {
                "summary": _first_line(form),
                "endings": list(form.suffixes),
                "reads": form.reads(),
                "writes": form.writes(),
            }
            for name, form in FORMATS.items()
        },
    }


def _first_line(documented: Any) -> str:
    return str(documented.__doc__ or "").strip().split("\n")[0]
