"""``run``: carry a benchmark through, continuing whatever an earlier call left unfinished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from oodml.core.errors import OodmlError, UsageError
from oodml.core.files import write_json
from oodml.core.progress import console, progress_task
from oodml.runs.cells import Cell, grid
from oodml.runs.executors import Job, get_executor
from oodml.runs.progress import write_plan
from oodml.runs.spec import BenchmarkSpec, load_spec, parse_spec
from oodml.runs.store import CellStore, collect, read_results
from oodml.runs.workbench import Workbench

Overwrite = Literal["missing", "always", "never"]


class CellsFailed(OodmlError):
    """Some cells could not be computed; the others are kept."""


@dataclass(frozen=True)
class Benchmark:
    """A spec opened in a folder: its cells and where their results lie."""

    spec: BenchmarkSpec
    folder: Path
    cells: list[Cell]
    bench: Workbench

    @classmethod
    def open(cls, spec: BenchmarkSpec, folder: Path, device: str = "auto") -> Benchmark:
        """Load data, features and ladder (computing what is missing) and list the cells."""
        bench = Workbench.open(spec, folder, device)
        manifest = bench.table.manifest
        cells = grid(
            spec,
            dataset_fingerprint=bench.dataset.fingerprint,
            ladder=bench.ladder.name,
            ladder_sha256=bench.ladder.sha256,
            levels=bench.level_numbers(),
            backbone=str(manifest["backbone"]),
            features_key=bench.table.key,
        )
        write_json(folder / "spec.json", spec.resolved())
        write_plan(folder, cells)
        return cls(spec, folder, cells, bench)

    @property
    def store(self) -> CellStore:
        return CellStore(self.folder)

    def missing(self) -> list[Cell]:
        return [cell for cell in self.cells if not self.store.is_done(cell)]


def run(
    spec: BenchmarkSpec | Path | str | dict[str, object],
    out: Path | str | None = None,
    *,
    executor: str = "processes",
    workers: int = 2,
    threads: int = 1,
    device: str = "auto",
    overwrite: Overwrite = "missing",
) -> pd.DataFrame:
    """Run a benchmark spec and return its tidy results table.

    Cells that are done are kept, so the same call continues an interrupted one. The table holds
    a row per (cell, metric); see ``oodml.runs.store``.

    Args:
        spec: path of a TOML spec, its content as a dictionary, or a BenchmarkSpec.
        out: the benchmark's folder; default ``runs/<spec name>``.
        executor: "serial" or "processes" (or a registered one).
        workers, threads: processes, and torch threads each computes with.
        device: Lightning Fabric accelerator: auto, cpu, cuda, mps.
        overwrite: "missing" computes what is not there, "always" computes everything again,
            "never" only collects.

    Raises:
        UsageError: a wrong spec.
        CellsFailed: some cells failed; all others are stored and in ``results.parquet``.
    """
    if workers < 1 or threads < 1:
        raise UsageError(f"workers and threads must be at least 1, got {workers} and {threads}")
    launch = get_executor(executor)
    checked = as_spec(spec)
    folder = Path(out) if out is not None else Path("runs") / checked.name
    benchmark = Benchmark.open(checked, folder, device)
    store = benchmark.store
    if overwrite == "always":
        store.discard(benchmark.cells)
    todo = [] if overwrite == "never" else benchmark.missing()
    kept = len(benchmark.cells) - len(benchmark.missing())
    if kept and todo:
        console.print(f"{kept} of {len(benchmark.cells)} cells are done already; continuing")
    failures: list[tuple[Cell, str]] = []
    try:
        if todo:
            with progress_task(f"cells of {checked.name}", len(benchmark.cells)) as task:
                task.advance(kept)
                job = Job(checked, folder, device, threads, workers)
                for cell, failure in launch(job, todo):
                    task.advance()
                    if failure is not None:
                        failures.append((cell, failure))
                        console.print(f"failed: {cell.title}: {failure}", style="red")
    finally:
        path = collect(store, benchmark.cells, benchmark.bench.level_columns())
    if failures:
        cell, reason = failures[0]
        raise CellsFailed(
            f"{len(failures)} of {len(benchmark.cells)} cells failed, the first: {cell.title}: "
            f"{reason} (all reasons in {folder / 'failed'}); the others are in {path}"
        )
    return read_results(path)


def as_spec(spec: BenchmarkSpec | Path | str | dict[str, object]) -> BenchmarkSpec:
    """A BenchmarkSpec from a path, a dictionary or itself."""
    if isinstance(spec, BenchmarkSpec):
        return spec
    if isinstance(spec, dict):
        return parse_spec(spec)
    return load_spec(spec)
