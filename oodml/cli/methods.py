"""``oodml methods list|show``."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer

from oodml.cli.options import Json

app = typer.Typer(
    no_args_is_help=True, help="What benchmarks compare: definitions, hyper-parameters, presets."
)


@app.command("list")
def list_command(
    as_json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page docs/methods.md.")
    ] = False,
) -> None:
    """All methods by family, useful combinations of wrappers with them, and wrappers."""
    from oodml.cli.method_tables import methods_json, print_methods
    from oodml.cli.methods_page import methods_page

    if as_json:
        print(json.dumps(methods_json(), ensure_ascii=False))
    elif markdown:
        typer.echo(methods_page(), nl=False)
    else:
        print_methods()


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="METHOD", help="A method, or a preset (sec/cub200/triplet).")
    ],
    as_json: Json = False,
) -> None:
    """A method's definition, formula, source, hyper-parameters and presets; or a preset's values."""
    from oodml.cli.method_tables import method_json, print_method
    from oodml.cli.preset_tables import preset_json, print_preset
    from oodml.methods import create_method
    from oodml.methods.presets import is_file_name, load_preset

    if is_file_name(name) or re.fullmatch(r"[\w.-]+(/[\w.-]+)+", name):
        preset = load_preset(name)
        if as_json:
            print(json.dumps(preset_json(preset), ensure_ascii=False))
        else:
            print_preset(preset)
        return
    method = create_method(name)
    if as_json:
        print(json.dumps(method_json(name, method), ensure_ascii=False))
    else:
        print_method(name, method)
