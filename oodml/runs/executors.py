"""Ways to run cells. An executor is one function: cells in, (cell, failure or None) out."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from oodml.core.errors import OodmlError
from oodml.core.progress import progress_task
from oodml.core.registry import Registry
from oodml.runs.cells import Cell
from oodml.runs.spec import BenchmarkSpec


@dataclass(frozen=True)
class Job:
    """What a worker needs to open its own workbench.

    Attributes:
        folder: the benchmark's folder.
        threads: torch threads a cell computes with; part of what makes numbers repeat exactly.
        workers: processes at once.
    """

    spec: BenchmarkSpec
    folder: Path
    device: str
    threads: int
    workers: int


Outcome = tuple[Cell, str | None]
Executor = Callable[[Job, list[Cell]], Iterator[Outcome]]
_registry: Registry[Executor] = Registry("executor")
register_executor = _registry.register


def get_executor(name: str) -> Executor:
    return _registry.get(name)


def list_executors() -> list[str]:
    return _registry.names()


@register_executor("serial")
def serial(job: Job, cells: list[Cell]) -> Iterator[Outcome]:
    """One cell after the other in this process, with a bar for the steps of each."""
    worker = _Worker(job)
    for cell in cells:
        with progress_task(cell.title, None) as task:
            total = 0

            def on_step(done: int, steps: int, task: object = task) -> None:
                nonlocal total
                task.advance(done - total)  # type: ignore[attr-defined]
                total = done

            outcome = worker.run(cell, on_step)
        yield cell, outcome


@register_executor("processes")
def processes(job: Job, cells: list[Cell]) -> Iterator[Outcome]:
    """Cells in parallel, each in a fresh process of its own interpreter (no fork)."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(job.workers, len(cells)) or 1,
        mp_context=context,
        initializer=_start_worker,
        initargs=(job,),
    )
    try:
        futures = {pool.submit(_run_in_worker, cell): cell for cell in cells}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                raise OodmlError(
                    "a worker process died (out of memory?); finished cells are kept, run the same "
                    "command again, with fewer --workers"
                ) from None
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()  # an interrupted cell leaves only its temporary folder
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """A workbench and a store, opened once, and the cells run with them."""

    def __init__(self, job: Job) -> None:
        import torch
        from threadpoolctl import threadpool_limits

        from oodml.runs.store import CellStore
        from oodml.runs.workbench import Workbench

        torch.set_num_threads(job.threads)
        threadpool_limits(job.threads)  # NumPy's, so that workers do not fight for the cores
        self._bench = Workbench.open(job.spec, job.folder, job.device)
        self._store = CellStore(job.folder)

    def run(self, cell: Cell, on_step: Callable[[int, int], None] | None = None) -> str | None:
        """Run a cell; whatever goes wrong in it is recorded and returned, the others go on.

        A method may be anybody's code, so any exception counts, with its traceback in the record.
        """
        from oodml.runs.run_cell import run_cell

        try:
            run_cell(cell, self._bench, self._store, on_step)
        except OodmlError as error:
            reason, trace = str(error), None
        except Exception as error:
            reason, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
        else:
            return None
        self._store.record_failure(cell, reason, trace)
        return reason


_worker: _Worker | None = None


def _start_worker(job: Job) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.environ["OMP_NUM_THREADS"] = str(job.threads)
    _worker = _Worker(job)


def _run_in_worker(cell: Cell) -> str | None:
    assert _worker is not None
    return _worker.run(cell)
