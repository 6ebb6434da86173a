"""``work``: pull cells of a prepared benchmark until none is left. Any number may work on a folder."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from oodml.core.errors import OodmlError
from oodml.core.failure_text import failure_text, failure_trace
from oodml.core.interrupt import is_a_request, stop_if_asked
from oodml.core.progress import console
from oodml.core.randomness import kept_randomness
from oodml.runs.logs import LOG_EVERY, Logs
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.plan_file import Plan, read_plan
from oodml.runs.run_cell import run_cell
from oodml.runs.store.cells import CellStore
from oodml.runs.store.lease_files import others_at_work
from oodml.runs.store.leases import (
    BEAT_S,
    MOST_DEATHS,
    STALE_S,
    Lease,
    Leases,
)
from oodml.runs.training_run import OnStep
from oodml.runs.workbench import Workbench

_POLL_S = 0.5


@dataclass(frozen=True)
class Resources:
    """What a worker computes with, and the run it belongs to.

    Attributes:
        device: Lightning Fabric accelerator: auto, cpu, cuda, mps.
        threads: torch threads; part of what makes numbers repeat exactly.
        devices: that train a cell together, a process each; its batches are shared among them.
        log_every: steps between lines of a training's log; 0 for none.
        logger: that gets these lines too, a name of `oodml.training.loggers`; "" for none.
        run: names the run; a cell that failed in it is not tried again by it.
        redo: cells that are done are run again, each replaced when its new record is there.
        beat_s, stale_s: of the leases.
        most_deaths: workers of the run that may die on a cell before it counts as failed.
    """

    device: str = "auto"
    threads: int = 1
    devices: int = 1
    log_every: int = LOG_EVERY
    logger: str = ""
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    redo: bool = False
    beat_s: float = BEAT_S
    stale_s: float = STALE_S
    most_deaths: int = MOST_DEATHS


@dataclass(frozen=True)
class Outcome:
    """A cell that needs no more work in this run.

    Attributes:
        failure: why it failed or is incomplete; None where it is done.
        own: whether this worker ran it; else another one did, or it was done before.
    """

    run_id: str
    title: str
    failure: str | None
    own: bool


def work(
    folder: Path,
    resources: Resources,
    *,
    on_start: Callable[[Cell], None] | None = None,
    on_step: OnStep | None = None,
    on_wait: Callable[[int], None] | None = None,
) -> Iterator[Outcome]:
    """Claim, run and commit cells of the folder's plan; yields every cell of it once.

    Claims the first cell in the plan's order that is not done, did not fail in this run and is not
    leased. When all that is left is leased, it waits for it, and takes over what dies.

    Args:
        folder: a folder that ``prepare`` has filled; nothing outside cells, failures, leases and
            checkpoints is written.
        on_start: called with a cell that was claimed, before it is run.
        on_step: called with (steps done, steps in all) while a cell trains.
        on_wait: called once with a number of cells, when all that is left is leased and so many of
            them by other runs; default says it.

    Raises:
        OodmlError: the folder's files are not what the plan was made with.
    """
    torch.set_num_threads(resources.threads)
    threadpool_limits(resources.threads)  # NumPy's, so that workers do not fight for the cores
    plan = read_plan(folder)
    left = list(plan.cells)
    told = False
    with Leases(
        folder, resources.run, beat_s=resources.beat_s, stale_s=resources.stale_s
    ) as leases:
        worker = _Worker(folder, plan, resources, leases, on_start, on_step)
        while left:
            waiting = []
            for cell in left:
                stop_if_asked()
                outcome = worker.attempt(cell)
                if outcome is None:
                    waiting.append(cell)
                else:
                    yield outcome
            if len(waiting) == len(left):  # a round in which nothing could be done
                others = sum(leases.held_by_others(cell.run_id) for cell in waiting)
                if others and not told:
                    told = True
                    (on_wait or partial(say_waiting, folder))(others)
                time.sleep(_POLL_S)
            left = waiting


def say_waiting(folder: Path, cells: int) -> None:
    """Say that another run has cells this one waits for."""
    console.print(
        f"another run is at work on {folder}: waiting for {cells} cell(s) of it", markup=False
    )


def say_who_is_at_work(folder: Path) -> None:
    """Say which other runs are at work on a folder; for executors, before they start workers."""
    who = others_at_work(folder)
    if who:
        console.print(
            f"another run is at work on {folder} ({', '.join(who)}); its cells are shared",
            markup=False,
        )


class _Worker:
    """Claims and runs cells; the last workbench stays open, for cells come setting by setting."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        resources: Resources,
        leases: Leases,
        on_start: Callable[[Cell], None] | None,
        on_step: OnStep | None,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._resources = resources
        self._leases = leases
        self._on_start = on_start
        self._on_step = on_step
        self._store = CellStore(folder)
        self._logs = Logs(folder, resources.log_every, resources.logger)
        self._bench: Workbench | None = None

    def attempt(self, cell: Cell) -> Outcome | None:
        """The outcome of a cell, run now if it must be; None while another worker has it."""
        settled = self._settled(cell)
        if settled is not None:
            return settled
        lease = self._leases.claim(cell.run_id)
        if lease is None:
            return None
        try:
            # it may have been finished between the look and the claim
            return self._settled(cell) or self._run(cell, lease)
        finally:
            self._leases.release(lease)

    def _settled(self, cell: Cell) -> Outcome | None:
        """The outcome of a cell that needs no more work in this run, or None."""
        if self._store.is_done(cell.run_id) and self._counts(cell):
            return Outcome(cell.run_id, cell.title, None, own=False)
        failure = self._store.failure(cell.run_id)
        if failure is not None and failure["run"] == self._resources.run:
            return Outcome(cell.run_id, cell.title, failure["reason"], own=False)
        return None

    def _counts(self, cell: Cell) -> bool:
        """Whether a finished cell is one that this run need not do again."""
        if not self._resources.redo:
            return True
        record = self._store.record(cell.run_id)
        return record is not None and record.get("run") == self._resources.run

    def _run(self, cell: Cell, lease: Lease) -> Outcome:
        """Run a claimed cell; whatever goes wrong in it is noted, the others go on.

        A method may be anybody's code, so any exception counts, ``sys.exit`` too, with its traceback
        in the note; but not a signal that asks this process to stop.
        """
        if lease.left_by_earlier_run:
            console.print(
                f"an earlier run ended while at work on {cell.title}; it is run again",
                style="yellow",
                markup=False,
            )
        if self._on_start is not None:
            self._on_start(cell)
        bench = self._open(cell)
        trace = None
        try:
            if lease.deaths >= self._resources.most_deaths:
                how = ", ".join(self._leases.how_they_died(lease)) or "how was not seen"
                raise OodmlError(
                    f"{lease.deaths} worker(s) died while running it ({how}); it was not tried again "
                    "in this run"
                )
            with kept_randomness():
                reason = run_cell(
                    cell, bench, self._store, self._on_step, self._resources.run, self._logs
                )
            return Outcome(cell.run_id, cell.title, reason, own=True)
        except OodmlError as error:
            reason = failure_text(error)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_a_request(error):
                raise
            reason, trace = failure_text(error), failure_trace(error)
        self._store.record_failure(cell, reason, trace, self._resources.run)
        return Outcome(cell.run_id, cell.title, reason, own=True)

    def _open(self, cell: Cell) -> Workbench:
        if self._bench is None or self._bench.setting.id != cell.setting:
            setting = self._plan.setting(cell.setting)
            self._bench = Workbench.open(
                self._folder, setting, self._resources.device, devices=self._resources.devices
            )
        return self._bench
