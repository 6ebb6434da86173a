"""One worker, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from oodml.core.progress import Task, progress_task
from oodml.runs.executors.registry import Job, register_executor
from oodml.runs.plan.cell import Cell
from oodml.runs.work import Outcome, say_who_is_at_work, work


@register_executor("serial")
def serial(job: Job) -> Iterator[Outcome]:
    """One cell after the other in this process, with a bar for the steps of each."""
    say_who_is_at_work(job.folder)
    bar = _StepBar()
    with bar.stack:
        for outcome in work(job.folder, job.resources, on_start=bar.start, on_step=bar.move):
            bar.stack.close()
            yield outcome


class _StepBar:
    """The bar of the cell that runs."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self._task: Task | None = None
        self._done = 0

    def start(self, cell: Cell) -> None:
        self._task = self.stack.enter_context(progress_task(cell.title, None))
        self._done = 0

    def move(self, done: int, steps: int) -> None:
        if self._task is not None:
            self._task.advance(done - self._done)
        self._done = done
