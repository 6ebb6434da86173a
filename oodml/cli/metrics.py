"""``oodml metrics list``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Metrics that oodml eval and benchmarks know.")


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """All metrics, with direction, unit, formula and source; in ..._at_k put a number for k."""
    from rich.table import Table

    from oodml.core.console import show
    from oodml.evaluation.metrics import describe_metrics

    found = list(describe_metrics())
    if as_json:
        plain = {
            one.name: {
                "formula": one.formula,
                "source": one.source,
                "takes": one.takes,
                "higher_is_better": one.higher_is_better,
                "unit": one.unit,
            }
            for one in found
        }
        print(json.dumps(plain))
        return
    better = {True: "higher", False: "lower", None: "neither"}
    table = Table(show_lines=True)
    for column in ("metric", "better", "unit"):
        table.add_column(column, no_wrap=True)
    table.add_column("formula, source")
    for one in found:
        definition = f"{one.formula}\n{one.source}"
        table.add_row(one.name, better[one.higher_is_better], one.unit, definition)
    show(table)
