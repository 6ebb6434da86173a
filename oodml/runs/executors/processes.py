"""Workers in processes of their own interpreter (no fork)."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from oodml.core.errors import OodmlError
from oodml.core.progress import console
from oodml.runs.executors.registry import Job, register_executor
from oodml.runs.work import Outcome, Resources, work

_END_S = 5.0


@dataclass
class _Worker:
    """A process, the pipe it talks through, and the cell it is running."""

    process: BaseProcess
    pipe: Connection
    cell: str | None = None
    started_a_cell: bool = False
    finished: bool = False


@register_executor("processes")
def processes(job: Job) -> Iterator[Outcome]:
    """Several workers. One that dies is named with its cell and replaced; the cell is tried again."""
    workers = [_start(job) for _ in range(min(job.workers, job.cells) or 1)]
    try:
        while workers:
            by_handle: dict[Any, _Worker] = {one.pipe: one for one in workers}
            for handle in wait(list(by_handle)):
                worker = by_handle[handle]
                try:
                    kind, content = worker.pipe.recv()
                except (EOFError, OSError):  # the process has ended
                    workers.remove(worker)
                    worker.process.join()
                    worker.pipe.close()
                    if not worker.finished:
                        workers.append(_replacement(job, worker))
                    continue
                if kind == "outcome":
                    worker.cell = None
                    yield content
                elif kind == "cell":
                    worker.cell, worker.started_a_cell = content, True
                elif kind == "error":
                    raise OodmlError(content)
                else:
                    worker.finished = True
    finally:
        _end(workers)


def _start(job: Job) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_run, args=(str(job.folder), job.resources, theirs), daemon=True
    )
    process.start()
    theirs.close()  # so that the pipe ends when the process does
    return _Worker(process, ours)


def _replacement(job: Job, dead: _Worker) -> _Worker:
    """A new worker for one that died; OodmlError where it never came to a cell."""
    code = dead.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    if not dead.started_a_cell:
        raise OodmlError(
            f"a worker process ended ({how}) before it could run a cell; try executor serial, or "
            "fewer workers"
        )
    at = f" at {dead.cell}" if dead.cell else ""
    console.print(f"a worker died ({how}; out of memory?){at}; another goes on", style="yellow")
    return _start(job)


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_END_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


def _run(folder: str, resources: Resources, pipe: Connection) -> None:
    """What a worker process does: work, and tell its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _end_with_parent()
    try:
        for outcome in work(
            Path(folder), resources, on_start=lambda cell: pipe.send(("cell", cell.title))
        ):
            pipe.send(("outcome", outcome))
    except OodmlError as error:
        pipe.send(("error", str(error)))
    else:
        pipe.send(("end", None))
    pipe.close()


def _end_with_parent() -> None:
    """End this process when its parent is gone, even where that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
