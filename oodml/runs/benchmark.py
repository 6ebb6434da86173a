"""``run``: carry a benchmark through, continuing whatever an earlier call left unfinished."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from oodml.core.errors import OodmlError, UsageError
from oodml.core.interrupt import stop_cleanly
from oodml.core.progress import console, progress_task
from oodml.runs.checks import check_before
from oodml.runs.executors import Job, get_executor
from oodml.runs.logs import LOG_EVERY
from oodml.runs.plan.plan_file import PLAN_FILE, Plan, read_plan
from oodml.runs.plan.spec import BenchmarkSpec, as_spec
from oodml.runs.prepare import prepare
from oodml.runs.results.earlier import earlier_plan, keep_earlier_results
from oodml.runs.results.table import collect, read_results
from oodml.runs.store.cells import CellStore
from oodml.runs.work import Resources

Overwrite = Literal["missing", "always", "never"]


class CellsFailed(OodmlError):
    """Some cells could not be computed; the others are kept.

    Attributes:
        results: the table of the others.
    """

    def __init__(self, message: str, results: pd.DataFrame) -> None:
        super().__init__(message)
        self.results = results

    def __reduce__(self) -> tuple[type[CellsFailed], tuple[str, pd.DataFrame]]:
        return type(self), (str(self), self.results)


@stop_cleanly()
def run(
    spec: BenchmarkSpec | Path | str | dict[str, object],
    out: Path | str | None = None,
    *,
    executor: str = "processes",
    workers: int = 2,
    threads: int = 1,
    device: str = "auto",
    devices: int = 1,
    log_every: int = LOG_EVERY,
    logger: str = "",
    overwrite: Overwrite = "missing",
) -> pd.DataFrame:
    """Run a benchmark spec and return its tidy results table.

    Cells that are done are kept, so the same call continues an interrupted one; calls that run at
    the same time on one folder, on one machine or several, share its cells. The table holds a row
    per (cell, metric); see :mod:`oodml.runs.results.row` for its columns.

    Args:
        spec: path of a TOML spec, its content as a dictionary, or a BenchmarkSpec.
        out: the benchmark's folder; default ``runs/<spec name>``.
        executor: "serial" or "processes" (or a registered one).
        workers, threads: processes, and torch threads each computes with.
        device: Lightning Fabric accelerator: auto, cpu, cuda, mps.
        devices: that train a cell together, a process each: a batch is shared among them.
        log_every: steps between lines of ``logs/<run id>.csv``, the log of a cell's training; 0
            for none.
        logger: "tensorboard" or "wandb", where installed, which get these lines too.
        overwrite: "missing" computes what is not there, "always" computes everything again and
            replaces each cell when its new record is there, "never" only collects.

    Raises:
        UsageError: a wrong spec, or a folder that holds another benchmark.
        CellsFailed: some cells failed; all others are stored and in ``results.parquet``.

    Twelve classes of three-dimensional vectors, and a ladder of two levels on them:

    >>> import os, tempfile
    >>> from pathlib import Path
    >>> import numpy as np, oodml
    >>> from oodml.core.vectors import VectorTable, write_vectors
    >>> from oodml.datasets.added import Handed, add_dataset
    >>> folder = Path(tempfile.mkdtemp())
    >>> home = os.environ.get("OODML_HOME")
    >>> os.environ["OODML_HOME"] = str(folder / "home")
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(np.arange(12), 8)
    >>> vectors = rng.normal(size=(12, 3))[labels] + 0.3 * rng.normal(size=(96, 3))
    >>> ids = tuple(f"item-{i}" for i in range(96))
    >>> classes = {"label": tuple(f"class-{c}" for c in labels)}
    >>> write_vectors(folder / "toy.parquet", VectorTable(ids, vectors.astype(np.float32), classes))
    >>> toy = add_dataset("toy", "vectors", Handed(table=folder / "toy.parquet"))
    >>> results = oodml.run(
    ...     {
    ...         "schema_version": 1,
    ...         "name": "example",
    ...         "dataset": "toy",
    ...         "seeds": [0],
    ...         "features": {"backbone": "identity"},
    ...         "ladder": {"levels": 2, "shots": [2], "episodes": 2},
    ...         "training": {"steps": 5, "batch_size": 12, "embedding_dim": 4},
    ...         "evaluation": {"shots": [2], "episodes": 2},
    ...         "methods": [{"name": "frozen"}, {"name": "triplet"}],
    ...     },
    ...     folder / "out",
    ...     executor="serial",
    ... )
    >>> recall = results[results["metric"] == "recall_at_1"]
    >>> recall[["label", "level", "seed"]].to_records(index=False).tolist()
    [('frozen', 0, 0), ('triplet', 0, 0), ('frozen', 1, 0), ('triplet', 1, 0)]
    >>> if home is None:
    ...     del os.environ["OODML_HOME"]
    ... else:
    ...     os.environ["OODML_HOME"] = home
    """
    if workers < 1 or threads < 1:
        raise UsageError(f"workers and threads must be at least 1, got {workers} and {threads}")
    if devices < 1 or log_every < 0:
        raise UsageError(
            f"expected devices of at least 1 and log_every of at least 0, got {devices} and {log_every}"
        )
    launch = get_executor(executor)
    checked = as_spec(spec)
    folder = Path(out) if out is not None else Path("runs") / checked.name
    if overwrite != "never":
        named = str(spec) if isinstance(spec, Path | str) else "spec"
        check_before(
            checked,
            folder,
            device=device,
            devices=devices,
            logger=logger,
            executor=executor,
            where=named,
        )
    earlier = earlier_plan(folder, checked.name)
    plan = _plan(checked, folder, device, overwrite)
    store = CellStore(folder)
    if earlier is not None:
        keep_earlier_results(store, earlier, plan)
    _tell_damaged(store, plan)
    done = {cell.run_id for cell in plan.cells if store.is_done(cell.run_id)}
    if overwrite == "always":
        done = set()
    failures: list[tuple[str, str]] = []
    try:
        if len(done) == len(plan.cells):
            console.print(f"nothing computed: all {len(done)} cells were done")
        elif overwrite == "never":
            console.print(f"{len(done)} of {len(plan.cells)} cells are done; only these are shown")
        else:
            if done:
                console.print(
                    f"{len(done)} of {len(plan.cells)} cells are done already; continuing"
                )
            with progress_task(f"cells of {checked.name}", len(plan.cells)) as task:
                task.advance(len(done))
                resources = Resources(
                    device,
                    threads,
                    devices=devices,
                    log_every=log_every,
                    logger=logger,
                    redo=overwrite == "always",
                )
                job = Job(folder, resources, workers, len(plan.cells) - len(done))
                for outcome in launch(job):
                    if outcome.run_id in done:  # before, or told by another worker
                        continue
                    done.add(outcome.run_id)
                    task.advance()
                    if outcome.failure is not None:
                        failures.append((outcome.title, outcome.failure))
                        console.print(f"failed: {outcome.title}: {outcome.failure}", style="red")
    finally:
        path = collect(store, plan.cells)
    if failures:
        title, reason = failures[0]
        raise CellsFailed(
            f"{len(failures)} of {len(plan.cells)} cells failed, the first: {title}: "
            f"{reason} (all reasons in {folder / 'failed'}); the others are in {path}",
            read_results(path),
        )
    return read_results(path)


def _tell_damaged(store: CellStore, plan: Plan) -> None:
    problems = store.damaged(cell.run_id for cell in plan.cells)
    if problems:
        first = next(iter(problems.values()))
        console.print(
            f"{len(problems)} of {len(plan.cells)} cells have a record that does not hold and count "
            f"as not done; the first: {first}",
            style="yellow",
            markup=False,
        )


def _plan(spec: BenchmarkSpec, folder: Path, device: str, overwrite: Overwrite) -> Plan:
    if overwrite == "never" and (folder / PLAN_FILE).is_file():
        plan = read_plan(folder)
        if plan.spec_sha256 == spec.sha256:
            return plan
    return prepare(spec, folder, device)
