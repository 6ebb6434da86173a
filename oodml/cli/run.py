"""``oodml run`` and ``oodml status``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from oodml.runs.spec import BenchmarkSpec

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="benchmark spec, a TOML file")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="folder of the benchmark [default: runs/NAME]")
]


def run(
    spec: SpecArgument,
    out: OutOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the cells and an estimate, compute nothing")
    ] = False,
    executor: Annotated[str, typer.Option(help="serial or processes")] = "processes",
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes at once [default: the processor's cores]")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="torch threads a cell computes with")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    overwrite: Annotated[str, typer.Option(help="never, missing or always")] = "missing",
    metric: Annotated[str, typer.Option(help="of the printed table and figure")] = "recall_at_1",
    as_json: Annotated[bool, typer.Option("--json", help="print paths as JSON")] = False,
) -> None:
    """Run a benchmark, or continue it; print its table and write table and figure files."""
    import os

    from oodml.core.errors import UsageError
    from oodml.runs import RESULTS_FILE, load_spec
    from oodml.runs import run as run_benchmark

    checked = load_spec(spec)
    if overwrite not in ("never", "missing", "always"):
        raise UsageError(f"--overwrite {overwrite!r}: expected never, missing or always")
    folder = out or Path("runs") / checked.name
    workers = workers or os.cpu_count() or 1
    if dry_run:
        _print_plan(checked, folder, workers if executor == "processes" else 1, threads, as_json)
        return
    results = run_benchmark(
        checked,
        folder,
        executor=executor,
        workers=workers,
        threads=threads,
        device=device,
        overwrite=overwrite,  # type: ignore[arg-type]
    )
    from oodml.reports import write_report
    from oodml.reports.terminal import print_table

    written = write_report(results, folder, metric)
    paths = {
        "results": folder / RESULTS_FILE,
        **written.files,
        "ladder": checked.ladder.path or folder / "ladder",
    }
    if as_json:
        print(json.dumps({name: str(path) for name, path in paths.items()}))
        return
    print_table(*written.summaries)
    for name, path in paths.items():
        print(f"{name + ':':9}{path}")


def _print_plan(
    spec: BenchmarkSpec, folder: Path, workers: int, threads: int, as_json: bool
) -> None:
    from oodml.core.progress import readable_seconds
    from oodml.runs.estimate import estimate
    from oodml.shift import load_ladder

    made = spec.ladder.path or (folder / "ladder" if (folder / "ladder").is_dir() else None)
    levels = len(load_ladder(made).levels) if made else spec.ladder.levels
    numbers = list(spec.levels) if spec.levels is not None else list(range(levels))
    found = estimate(spec, len(numbers), threads)
    total = sum(one.cells * one.seconds for one in found) / workers
    cells = [
        {"method": entry.create().label, "level": level, "seed": seed}
        for level in numbers
        for entry in spec.methods
        for seed in (spec.seeds if entry.create().trains else (0,))
    ]
    if as_json:
        print(json.dumps({"cells": cells, "estimated_seconds": total, "folder": str(folder)}))
        return
    table = Table(title=f"{spec.name}: {len(cells)} cells on {spec.dataset}", title_justify="left")
    for column in ("method", "levels", "seeds", "cells", "a cell", "together"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for one in found:
        table.add_row(
            one.label,
            " ".join(map(str, numbers)),
            " ".join(map(str, spec.seeds))
            if one.cells > len(numbers) or len(spec.seeds) == 1
            else "–",
            str(one.cells),
            readable_seconds(one.seconds),
            readable_seconds(one.seconds * one.cells / workers),
        )
    Console(markup=False).print(table)
    print(
        f"training takes about {readable_seconds(total)} with {workers} worker(s), timed here on "
        "a few steps; reading data, extracting features and evaluation come on top"
    )
    print(f"results will lie in {folder}")


def status(
    spec: SpecArgument,
    out: OutOption = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """How far a benchmark has come: done, failed and open cells."""
    from oodml.core.errors import OodmlError
    from oodml.runs import load_spec
    from oodml.runs.progress import benchmark_status

    checked = load_spec(spec)
    folder = out or Path("runs") / checked.name
    if not (folder / "plan.json").is_file():
        raise OodmlError(f"{folder}: nothing has run here yet; `oodml run {spec}` starts it")
    state = benchmark_status(folder)
    if as_json:
        print(json.dumps(state))
        return
    print(
        f"{checked.name} in {folder}: {state['done']} done, {len(state['failed'])} failed, "
        f"{state['open']} open of {state['cells']} cells"
    )
    for failure in state["failed"]:
        print(f"  failed: {failure['title']}: {failure['reason']}")
