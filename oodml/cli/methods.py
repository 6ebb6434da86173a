"""``oodml methods list|show``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.text import Text

from oodml.cli.options import Json
from oodml.core.console import show as show_text

app = typer.Typer(
    no_args_is_help=True, help="What benchmarks compare: definitions, hyper-parameters, presets."
)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """All methods and useful combinations of wrappers with them, with what they are."""

    from oodml.cli.catalogue import Entry
    from oodml.cli.catalogue_tables import entries_table, print_tables
    from oodml.methods import create_method, list_methods, list_wrappers

    summaries = {name: create_method(name).summary for name in list_methods()}
    if as_json:
        print(json.dumps(summaries))
        return
    entries = {name: Entry(summary) for name, summary in summaries.items()}
    print_tables(entries_table("methods", "method", entries))
    prefixes = ", ".join(f"{name}-" for name in list_wrappers())
    show_text(f"Before any method that allows it: {prefixes}")


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="METHOD")], as_json: Json = False) -> None:
    """A method's definition, source, hyper-parameters and presets."""

    from oodml.cli.catalogue_tables import options_json, options_table, unwrapped
    from oodml.methods import Method, create_method
    from oodml.methods.presets import presets_of

    found = create_method(name)
    declared = found.all_parameters if found.trains or found.fits else {}
    if not found.trains:  # a fit draws no batches and has no learning rate
        declared = {key: one for key, one in declared.items() if key not in Method.declared()}
    presets = presets_of(found.name)
    if as_json:
        shown = {
            "name": name,
            "source": "; ".join(found.sources),
            "version": found.full_version,
            "hyper_parameters": options_json(declared),
            "presets": presets,
        }
        print(json.dumps(shown))
        return
    show_text(Text(name, style="bold"))
    show_text(f"{unwrapped(found.description)}\n\nSource: {'; '.join(found.sources)}")
    show_text(f"Version: {found.full_version}")
    if declared:
        show_text(options_table(declared, "hyper-parameter"))
    if presets:
        show_text(f"Presets: {', '.join(presets)}")
