"""Train and evaluate one cell. Everything a cell does happens here, on one thread count."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from oodml.core.code import code_ids
from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.failure_text import failure_text, failure_trace
from oodml.core.interrupt import is_a_request
from oodml.core.randomness import seed_all
from oodml.methods import Method
from oodml.runs.logs import Logs
from oodml.runs.machine import hardware, package_versions
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.methods import create_planned
from oodml.runs.plan.split import Split
from oodml.runs.several import several_processes
from oodml.runs.store.cells import CellStore
from oodml.runs.tasks import TaskContext, create_task
from oodml.runs.training_run import (
    OnStep,
    TrainedModel,
    fit_cell,
    train_cell,
    trained_before,
)
from oodml.runs.workbench import Workbench

WEIGHTS_FILE = "embedder.safetensors"


def run_cell(
    cell: Cell,
    bench: Workbench,
    store: CellStore,
    on_step: OnStep | None = None,
    run: str = "",
    logs: Logs | None = None,
) -> str | None:
    """Train a cell, do its tasks, and commit its record.

    A task that fails takes no other with it: the rows of the others are committed, the cell is
    incomplete, and the reason is returned and noted. What goes wrong before the tasks is raised.

    Args:
        on_step: called with (steps done, steps in all) while training.
        run: names the run, for the record or the note of a failure.
        logs: where its training's log goes; None for none.

    Returns:
        Why the cell is incomplete; None where it is done.
    """
    start = time.perf_counter()
    split = bench.split(cell)
    checkpoint = store.folder / "checkpoints" / f"{cell.run_id}.safetensors"
    model = _model(cell, split, bench, store, checkpoint, on_step, logs)
    context = TaskContext(
        cell=cell,
        split=split,
        items=bench.items,
        ladder=bench.ladder,
        model=model,
        embeddings=_embedded(model, bench, split.test.rows),
        gallery=None if split.gallery is None else _embedded(model, bench, split.gallery.rows),
    )
    rows, files, failed, trace = _run_tasks(cell, context)
    if model is not None:
        files[WEIGHTS_FILE] = model.save
    if failed:
        # before the record, which without this note would count as complete
        store.record_failure(cell, _incomplete(failed), trace, run)
        if store.is_done(cell.run_id):  # and is run again: the whole record is worth more
            return _incomplete(failed)
    store.commit(
        cell,
        rows,
        files,
        failed_tasks=failed,
        about={
            "run": run,
            "seconds": time.perf_counter() - start,
            "kept_step": model.kept_step if model is not None else None,
            "versions": package_versions(),
            "hardware": hardware(bench.device),
        },
    )
    checkpoint.unlink(missing_ok=True)
    return _incomplete(failed) if failed else None


def method_of(cell: Cell) -> Method:
    """The cell's method; IntegrityError where its code is not the one the cell was planned with."""
    method = create_planned(cell.method, cell.hyper_parameters)
    if method.full_version != cell.method_version:
        raise IntegrityError(
            f"method {cell.method!r} has version {method.full_version} here, the plan was "
            f"made with {cell.method_version}; run the benchmark again"
        )
    _check_code(cell, method.parts)
    return method


def _check_code(cell: Cell, parts: Iterable[Any]) -> None:
    """IntegrityError where the source of a part is not what it was when the cell was planned."""
    for part, found in code_ids(parts).items():
        if cell.code.get(part) != found:
            raise IntegrityError(
                f"the source of {part} is not what the plan was made with; run the benchmark again"
            )


def _model(
    cell: Cell,
    split: Split,
    bench: Workbench,
    store: CellStore,
    checkpoint: Path,
    on_step: OnStep | None,
    logs: Logs | None = None,
) -> TrainedModel | None:
    """The cell's model: trained, fitted, or taken from the cell that shares its training.

    An unfair rule has looked at that cell's test side, so it shares none.
    """
    method = method_of(cell)
    if method.fits:
        return fit_cell(cell, method, split, bench)
    if not method.trains:
        return None
    shared = cell.trained_like()
    # what adapts with the optimiser's moments is trained again: they are not stored
    again = (adaptation := method.adaptation()) is not None and adaptation.carry_moments
    alike = shared is not cell and cell.selection_fair and not again
    if alike and store.is_done(shared.run_id):
        weights = store.file(shared.run_id, WEIGHTS_FILE)
        if weights is not None:
            return trained_before(cell, method, split, bench, weights)
    if not method.learns_from_source:  # nothing that other processes, or a log, would see
        return train_cell(cell, method, split, bench, checkpoint)
    log = logs.of(cell) if logs is not None else None
    with several_processes(cell, bench, store.folder, checkpoint) as fabric:
        return train_cell(cell, method, split, bench, checkpoint, on_step, fabric=fabric, log=log)


def _run_tasks(
    cell: Cell, context: TaskContext
) -> tuple[list[dict[str, Any]], dict[str, Callable[[Path], None]], dict[str, str], str | None]:
    rows: list[dict[str, Any]] = []
    files: dict[str, Callable[[Path], None]] = {}
    failed: dict[str, str] = {}
    trace = None
    for entry in cell.tasks:
        name = entry["name"]
        try:
            task = create_task(name, **entry["parameters"])
            if task.version != entry["version"]:
                raise IntegrityError(
                    f"version {task.version} here, the plan was made with {entry['version']}"
                )
            seed_all(cell.shared_seed("task", name))  # for what draws from a global generator
            _check_code(cell, task.parts)
            output = task.run(context)
        except OodmlError as error:
            failed[name] = failure_text(error)
        except BaseException as error:  # a task may be anybody's code
            if isinstance(error, KeyboardInterrupt) and is_a_request(error):
                raise
            failed[name], trace = failure_text(error), failure_trace(error)
        else:
            rows += [{"task": name, **row} for row in output.rows]
            files |= output.files
            if output.failed:
                failed[name] = "; ".join(output.failed.values())
    return rows, files, failed, trace


def _embedded(model: TrainedModel | None, bench: Workbench, rows: Any) -> Any:
    return np.asarray(bench.features[rows]) if model is None else model.embed(rows)


def _incomplete(failed: dict[str, str]) -> str:
    reasons = "; ".join(f"task {name}: {reason}" for name, reason in failed.items())
    return f"incomplete, {reasons}"
