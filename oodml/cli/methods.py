"""``oodml methods list|show``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from oodml.core.console import show as show_text

app = typer.Typer(no_args_is_help=True, help="Methods that benchmarks compare.")
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output")]


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """All methods and useful combinations of wrappers with them, with what they are."""
    from oodml.methods import create_method, list_methods, list_wrappers

    summaries = {name: create_method(name).summary for name in list_methods()}
    if as_json:
        print(json.dumps(summaries))
        return
    table = Table("method", "what it is")
    for name, summary in summaries.items():
        table.add_row(name, summary)
    prefixes = ", ".join(f"{name}-" for name in list_wrappers())
    show_text(table, f"Before any method that allows it: {prefixes}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="METHOD")], as_json: JsonOption = False
) -> None:
    """A method's definition, source, hyper-parameters and presets."""
    from oodml.methods import create_method
    from oodml.methods.presets import presets_of

    found = create_method(name)
    declared = found.all_parameters if found.trains else {}
    presets = presets_of(found.name)
    if as_json:
        plain = {
            key: {
                "default": p.default,
                "description": p.description,
                "search": p.search,
                "log": p.log,
            }
            for key, p in declared.items()
        }
        shown = {
            "name": name,
            "source": "; ".join(found.sources),
            "version": found.full_version,
            "hyper_parameters": plain,
            "presets": presets,
        }
        print(json.dumps(shown))
        return
    show_text(Text(name, style="bold"))
    show_text(f"{found.description}\n\nSource: {'; '.join(found.sources)}")
    show_text(f"Version: {found.full_version}")
    if declared:
        table = Table("hyper-parameter", "default", "search range", "meaning")
        for key, parameter in declared.items():
            span = ""
            if parameter.search:
                low, high = parameter.search
                span = f"{low:g} to {high:g}{' (log)' if parameter.log else ''}"
            table.add_row(key, str(parameter.default), span, parameter.description)
        show_text(table)
    if presets:
        show_text(f"Presets: {', '.join(presets)}")
