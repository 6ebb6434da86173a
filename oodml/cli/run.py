"""``oodml run`` and ``oodml status``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from oodml.core.console import say, show
from oodml.core.values import shown

if TYPE_CHECKING:
    import pandas as pd

    from oodml.runs.plan.spec import BenchmarkSpec

SpecArgument = Annotated[
    Path, typer.Argument(metavar="SPEC", help="a TOML file, or a name of oodml benchmarks list")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="folder of the benchmark [default: runs/NAME]")
]


def run(
    spec: SpecArgument,
    out: OutOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the cells and an estimate, compute nothing")
    ] = False,
    executor: Annotated[
        str, typer.Option(help="what starts the workers: serial, processes or an added one")
    ] = "processes",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="processes at once [default: the processor's cores; 1 with several devices]"
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="torch threads a cell computes with")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="devices that train a cell together, a process each")
    ] = 1,
    log_every: Annotated[
        int, typer.Option(min=0, help="steps between lines of a training's log; 0 for none")
    ] = 50,
    logger: Annotated[
        str, typer.Option(help="tensorboard or wandb, which get the log's lines too")
    ] = "",
    overwrite: Annotated[str, typer.Option(help="never, missing or always")] = "missing",
    metric: Annotated[
        str | None,
        typer.Option(
            help="of the printed table and figure [default: recall_at_1, or the first the spec has]"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print paths as JSON")] = False,
) -> None:
    """Run a benchmark, or continue it; print its table and write table and figure files."""
    import os

    from oodml.core.errors import UsageError
    from oodml.runs import CellsFailed, load_spec
    from oodml.runs import run as run_benchmark
    from oodml.runs.checks import check_before, check_metric, first_metric

    checked = load_spec(spec)
    if overwrite not in ("never", "missing", "always"):
        raise UsageError(f"--overwrite {shown(overwrite)}: expected never, missing or always")
    folder = out or Path("runs") / checked.name
    # several devices are one worker's
    workers = workers or (1 if devices > 1 else os.cpu_count()) or 1
    if metric is not None:
        check_metric(checked, metric)
    metric = metric or first_metric(checked)
    if dry_run:
        if overwrite != "never":  # which a run asks itself
            check_before(
                checked,
                folder,
                device=device,
                devices=devices,
                logger=logger,
                executor=executor,
                where=str(spec),
            )
        _print_plan(checked, folder, workers if executor == "processes" else 1, threads, as_json)
        return
    failed: CellsFailed | None = None
    try:
        results = run_benchmark(
            spec,  # not the checked one: messages name the file
            folder,
            executor=executor,
            workers=workers,
            threads=threads,
            device=device,
            devices=devices,
            log_every=log_every,
            logger=logger,
            overwrite=overwrite,  # type: ignore[arg-type]
        )
    except CellsFailed as error:  # the others get their table and figure
        failed, results = error, error.results
    if failed is None or (results["metric"] == metric).any():
        _report(results, folder, metric, as_json)
    if failed is not None:
        raise failed


def _report(results: pd.DataFrame, folder: Path, metric: str, as_json: bool) -> None:
    """Write and print the tables, one a setting."""
    from oodml.reports import write_report
    from oodml.reports.terminal import print_table
    from oodml.runs import RESULTS_FILE
    from oodml.runs.plan.plan_file import read_plan

    written = write_report(results, folder, metric)
    ladders = [str(folder / setting.ladder_folder) for setting in read_plan(folder).settings]
    paths = {"results": folder / RESULTS_FILE, **written.files}
    if as_json:
        plain = {name: str(path) for name, path in paths.items()}
        print(json.dumps({**plain, "ladders": ladders}))
        return _refuse_missing(written.failed)
    print_table(*written.summaries)
    for name, path in paths.items():
        say(f"{name + ':':9}{path}")
    for ladder in dict.fromkeys(ladders):
        say(f"{'ladder:':9}{ladder}")
    _refuse_missing(written.failed)


def _refuse_missing(failed: dict[str, str]) -> None:
    """OodmlError for files of a report that could not be written, once all others are."""
    from oodml.core.errors import OodmlError

    if failed:
        reasons = "; ".join(f"{path} ({why})" for path, why in failed.items())
        raise OodmlError(f"not written: {reasons}")


def _print_plan(
    spec: BenchmarkSpec, folder: Path, workers: int, threads: int, as_json: bool
) -> None:
    from oodml.core.progress import readable_seconds
    from oodml.runs.estimate import estimate
    from oodml.runs.plan.outline import outline

    settings = outline(spec, folder)
    found = estimate(spec, settings, threads)
    total = sum(len(one.cells) * one.seconds for one in found) / workers
    cells = [
        {
            "dataset": cell.dataset,
            "ladder": cell.ladder,
            "backbone": cell.backbone,
            "condition": cell.condition,
            "method": cell.label,
            "level": cell.level,
            "seed": cell.seed,
        }
        for one in found
        for cell in one.cells
    ]
    if as_json:
        print(json.dumps({"cells": cells, "estimated_seconds": total, "folder": str(folder)}))
        return
    names = ", ".join(spec.datasets)
    title = f"{spec.name}: {len(cells)} cells on {names}; conditions {', '.join(spec.conditions)}"
    table = Table(title=title, title_justify="left")
    for column in ("method", "levels", "seeds", "cells", "a cell", "together"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for setting in settings:
        if len(settings) > 1:
            table.add_section()
            table.add_row(setting.title, style="bold")
        for one in found:
            if one.setting is not setting:
                continue
            trains = any(cell.trains for cell in one.cells)
            table.add_row(
                one.label,
                " ".join(map(str, sorted({cell.level for cell in one.cells}))),
                " ".join(map(str, sorted({cell.seed for cell in one.cells}))) if trains else "–",
                str(len(one.cells)),
                readable_seconds(one.seconds) if one.problem is None else "?",
                readable_seconds(one.seconds * len(one.cells) / workers)
                if one.problem is None
                else "?",
            )
    show(table)
    for one in found:
        if one.problem is not None:
            say(f"{one.label} could not be timed: {one.problem}")
    say(
        f"training takes about {readable_seconds(total)} with {workers} worker(s), timed here on "
        "a few steps; reading data, extracting features and evaluation come on top"
    )
    say(f"results will lie in {folder}")


def status(
    spec: SpecArgument,
    out: OutOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="read every file of every cell against its hash")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """How far a benchmark has come: done, failed and open cells, and what is not as it was."""
    from oodml.core.errors import OodmlError
    from oodml.runs.plan.spec import read_name
    from oodml.runs.store.status import benchmark_status

    name = read_name(spec)
    folder = out or Path("runs") / name
    if not (folder / "plan.json").is_file():
        raise OodmlError(f"{folder}: nothing has run here yet; `oodml run {spec}` starts it")
    state = benchmark_status(folder, verify=verify)
    state |= _outdated(spec, folder)
    if as_json:
        print(json.dumps(state))
        return
    say(
        f"{name} in {folder}: {state['done']} done, {len(state['failed'])} failed, "
        f"{state['open']} open of {state['cells']} cells"
        + (f"; {state['running']} running" if state["running"] else "")
    )
    for kind in ("failed", "damaged"):
        for cell in state[kind]:
            say(f"  {kind}: {cell['title']}: {cell['reason']}")
    for line in _outdated_lines(state):
        say(line)


def _outdated(spec: Path, folder: Path) -> dict[str, Any]:
    """Entries of the status about a changed spec and changed code."""
    from dataclasses import asdict

    from oodml.core.errors import OodmlError
    from oodml.runs import load_spec
    from oodml.runs.plan.outdated import outdated
    from oodml.runs.plan.plan_file import read_plan

    try:
        return asdict(outdated(read_plan(folder), load_spec(spec)))
    except OodmlError as error:  # a method that is gone, say; what was done can still be told
        return {"not_compared": str(error)}


def _outdated_lines(state: dict[str, Any]) -> list[str]:
    if "not_compared" in state:
        return [f"not compared with the spec: {state['not_compared']}"]
    lines = []
    if state["spec_changed"]:
        lines.append(
            f"the spec was changed since: {state['gone']} of these cells are not in it, "
            f"{state['new']} of its cells are not here; `oodml run` computes them"
        )
    lines += [
        f"  older code: {count} cells ({change}); `oodml run` computes them again"
        for change, count in Counter(state["other_code"].values()).items()
    ]
    return lines
