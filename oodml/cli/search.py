"""``oodml search``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oodml.cli.search_inputs import parsed_grid, parsed_ranges, split_names, split_numbers
from oodml.core.console import say

if TYPE_CHECKING:
    from oodml.runs import BenchmarkSpec
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
    trials: Annotated[
        int | None,
        typer.Option(
            min=1, help="instead of a grid: points a method, drawn from the declared ranges"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the draws")] = 0,
    sampler: Annotated[str, typer.Option(help="random, or tpe (needs oodml[optuna])")] = "random",
    methods: Annotated[
        str | None, typer.Option(help="NAME,NAME,...: of the spec's methods [default: all]")
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            help="NAME,NAME,...: what is drawn "
            "[default: learning_rate and the method's own with a range]"
        ),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="NAME=LOW,HIGH or NAME=LOW,HIGH,log; several times"),
    ] = None,
    levels: Annotated[
        str | None, typer.Option(help="LEVEL,LEVEL,...: of the spec's levels [default: all]")
    ] = None,
    run_seeds: Annotated[
        str | None,
        typer.Option(help="SEED,SEED,...: of the trainings, instead of the spec's"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder [default: runs/NAME-search]")] = None,
    preset: Annotated[
        Path | None,
        typer.Option("--write-preset", help="file of presets to write with what was chosen"),
    ] = None,
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

    from oodml.cli.search_tables import choices_json, print_choices
    from oodml.core.files import write_json, write_text
    from oodml.runs import load_spec
    from oodml.runs.search import SearchIncomplete, as_toml, narrowed, write_preset

    checked = narrowed(
        load_spec(spec),
        levels=split_numbers("--levels", levels),
        seeds=split_numbers("--run-seeds", run_seeds),
    )
    folder = out or Path("runs") / f"{checked.name}-search"
    asked: dict[str, Any] = {
        "trials": trials,
        "seed": seed,
        "sampler": sampler,
        "parameters": split_names("--parameters", parameters),
        "ranges": parsed_ranges(ranges or []),
    }
    failed: SearchIncomplete | None = None
    try:
        choices = _searched(
            checked,
            folder,
            grid,
            asked,
            methods=split_names("--methods", methods),
            executor=executor,
            workers=workers or os.cpu_count() or 1,
            threads=threads,
            device=device,
        )
    except SearchIncomplete as error:  # the others get their choice
        failed, choices = error, error.choices
    plain = choices_json(choices)
    write_json(folder / "chosen.json", plain)
    write_text(folder / "chosen.toml", as_toml(choices))
    if preset is not None:
        named = {
            "--methods": methods,
            "--parameters": parameters,
            "--levels": levels,
            "--run-seeds": run_seeds,
        }
        command = _command(spec, grid, trials, seed, sampler, named, ranges)
        write_preset(preset, choices, checked, command)
    if as_json:
        print(json.dumps(plain))
    else:
        print_choices(choices, "range" if trials else "grid")
        say(str(folder / "chosen.toml"))
        if preset is not None:
            say(str(preset))
    if failed is not None:
        raise failed


def _searched(
    spec: BenchmarkSpec,
    folder: Path,
    grid: list[str] | None,
    asked: dict[str, Any],
    **arguments: Any,
) -> list[Choice]:
    from oodml.core.errors import UsageError
    from oodml.runs.search import DEFAULT_GRID, search, search_ranges

    if asked["trials"] is None:
        drawn = [name for name in ("parameters", "ranges") if asked[name]]
        if asked["sampler"] != "random" or drawn:
            raise UsageError("--sampler, --parameters and --range need --trials")
        wanted = parsed_grid(grid) if grid else dict(DEFAULT_GRID)
        return search(spec, folder, wanted, **arguments)
    if grid:
        raise UsageError("give either --grid or --trials, not both")
    return search_ranges(spec, folder, **asked, **arguments)


def _command(
    spec: Path,
    grid: list[str] | None,
    trials: int | None,
    seed: int,
    sampler: str,
    named: Mapping[str, str | None],
    ranges: list[str] | None,
) -> str:
    """The command that gives the same choice: without what only says where and how fast."""
    parts = ["oodml", "search", str(spec)]
    for text in grid or []:
        parts += ["--grid", text]
    if trials is not None:
        parts += ["--trials", str(trials), "--seed", str(seed), "--sampler", sampler]
    for flag, given in named.items():
        if given is not None:
            parts += [flag, given]
    for text in ranges or []:
        parts += ["--range", text]
    return shlex.join(parts)
