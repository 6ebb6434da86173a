"""``oodml methods list|show``."""

from __future__ import annotations

import inspect
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Methods that benchmarks compare.")
JsonOption = Annotated[bool, typer.Option("--json", help="machine-readable output")]


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """All methods, with what they are."""
    from oodml.methods import list_methods
    from oodml.methods.method import method_class

    summaries = {name: _first_line(method_class(name)) for name in list_methods()}
    if as_json:
        print(json.dumps(summaries))
        return
    table = Table("method", "what it is")
    for name, summary in summaries.items():
        table.add_row(name, summary)
    Console().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="METHOD")], as_json: JsonOption = False
) -> None:
    """A method's definition, source and hyper-parameters."""
    from oodml.methods.method import method_class

    found = method_class(name)
    declared = found.declared() if found.trains else {}
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
        print(json.dumps({"name": name, "source": found.source, "hyper_parameters": plain}))
        return
    console = Console()
    console.print(f"[bold]{name}[/bold]\n{inspect.getdoc(found)}\n\nSource: {found.source}")
    if not declared:
        return
    table = Table("hyper-parameter", "default", "search range", "meaning")
    for key, parameter in declared.items():
        span = ""
        if parameter.search:
            low, high = parameter.search
            span = f"{low:g} to {high:g}{' (log)' if parameter.log else ''}"
        table.add_row(key, str(parameter.default), span, parameter.description)
    console.print(table)


def _first_line(found: type) -> str:
    return (inspect.getdoc(found) or "").split("\n")[0]
