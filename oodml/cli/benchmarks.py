"""``oodml benchmarks list|show``: the specs that come with oodml."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from oodml.cli.options import Json
from oodml.core.console import show

app = typer.Typer(no_args_is_help=True, help="Benchmark specs that come with oodml.")


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """All of them, what they are and the data each needs."""
    from rich.box import SIMPLE
    from rich.table import Table

    found = _listed()
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("benchmark", "what it is", "data", box=SIMPLE, padding=(0, 1, 0, 0))
    for name, one in found.items():
        data = "\n".join(f"{dataset}: {state}" for dataset, state in one["data"].items())
        table.add_row(name, one["description"], data)
    show(table, "oodml run NAME runs one; oodml benchmarks show NAME prints it.")


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `oodml benchmarks list`.")],
) -> None:
    """Print a spec, to read or to begin one's own with: oodml benchmarks show demo > mine.toml."""
    from oodml.runs.plan.packaged import packaged_spec

    typer.echo(packaged_spec(name).read_text(encoding="utf-8"), nl=False)


def _listed() -> dict[str, dict[str, Any]]:
    from oodml.runs import load_spec
    from oodml.runs.plan.packaged import packaged_specs

    specs = {name: load_spec(path) for name, path in packaged_specs().items()}
    return {
        name: {
            "description": spec.description,
            "data": {dataset: _state(dataset) for dataset in spec.datasets},
        }
        for name, spec in specs.items()
    }


def _state(dataset: str) -> str:
    """Whether a data set is here, or what makes it so."""
    from oodml.datasets.records import added_names
    from oodml.datasets.registry import builtin_datasets, dataset_kinds

    if dataset in builtin_datasets():
        builtin = builtin_datasets().get(dataset)
        return "built in" if builtin.installed() else f"pip install 'oodml[{builtin.extra}]'"
    if dataset in added_names():
        return "added"
    if dataset in dataset_kinds():
        return dataset_kinds().get(dataset).how_to_add
    return f"oodml data add {dataset} --kind image-folder --archive FILE"
