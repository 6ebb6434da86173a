"""``oodml search``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oodml.core.console import say, show
from oodml.core.values import shown

if TYPE_CHECKING:
    from oodml.runs.search import Choice


def search(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="a TOML file, or a name of oodml benchmarks list")
    ],
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE,VALUE,...; several times for several "
            "[default: learning_rate=3e-5,1e-4,3e-4,1e-3]"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder [default: runs/NAME-search]")] = None,
    executor: Annotated[str, typer.Option(help="serial or processes")] = "processes",
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes at once [default: the processor's cores]")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="torch threads a cell computes with")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable output")] = False,
) -> None:
    """Choose training settings and hyper-parameters of each method on the validation classes."""
    import os

    from oodml.core.files import write_json, write_text
    from oodml.runs import load_spec
    from oodml.runs.search import DEFAULT_GRID, METRIC, SearchIncomplete, as_toml
    from oodml.runs.search import search as run_search

    checked = load_spec(spec)
    folder = out or Path("runs") / f"{checked.name}-search"
    wanted = dict(map(_parse, grid)) if grid else dict(DEFAULT_GRID)
    failed: SearchIncomplete | None = None
    try:
        choices = run_search(
            checked,
            folder,
            wanted,
            executor=executor,
            workers=workers or os.cpu_count() or 1,
            threads=threads,
            device=device,
        )
    except SearchIncomplete as error:  # the others get their choice
        failed, choices = error, error.choices
    plain = [
        {"method": c.method, "values": c.values, METRIC: c.score, "at_edge": c.at_edge}
        for c in choices
    ]
    write_json(folder / "chosen.json", plain)
    write_text(folder / "chosen.toml", as_toml(choices))
    if as_json:
        print(json.dumps(plain))
    else:
        _print_choices(choices, folder)
    if failed is not None:
        raise failed


def _print_choices(choices: list[Choice], folder: Path) -> None:
    from rich.table import Table

    from oodml.runs.search import METRIC

    for choice in choices:
        title = f"{choice.method}: {METRIC} (%) on validation classes"
        table = Table(*choice.values, METRIC, title=title, title_justify="left")
        for values, score in choice.scores:
            style = "bold" if values == choice.values else ""
            table.add_row(*map(str, values.values()), f"{100 * score:.2f}", style=style)
        show(table)
        if choice.at_edge:
            say(f"chosen at an end of the grid: {', '.join(choice.at_edge)}; widen it")
    say(str(folder / "chosen.toml"))


def _parse(text: str) -> tuple[str, tuple[object, ...]]:
    from oodml.core.errors import UsageError

    name, _, values = text.partition("=")
    if not name or not values:
        raise UsageError(f"--grid {shown(text)}: expected NAME=VALUE,VALUE,...")
    return name.strip(), tuple(_value(one.strip()) for one in values.split(","))


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
