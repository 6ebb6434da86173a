"""Workers in processes of their own interpreter (no fork, and the main script is not run again)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from oodml.core.child_main import Send
from oodml.core.children import Child, end_all
from oodml.core.errors import OodmlError
from oodml.core.failure_text import failure_text
from oodml.core.interrupt import stop_if_asked, undisturbed
from oodml.core.progress import console
from oodml.core.registry import Registry, entries_from_outside
from oodml.runs.executors.registry import Job, register_executor
from oodml.runs.executors.serial import serial
from oodml.runs.store.lease_files import note_end
from oodml.runs.store.leases import MOST_DEATHS
from oodml.runs.store.leftovers import sweep_leftovers
from oodml.runs.work import Outcome, Resources, say_waiting, say_who_is_at_work, work

_LOOK_S = 1.0
_RUN = f"{__name__}:run_worker"


@register_executor("processes")
def processes(job: Job) -> Iterator[Outcome]:
    """Several workers. One that dies is named with its cell and replaced; the cell is tried again.

    What was registered in the main script or in a notebook is known to this process alone; with
    such entries cells are run in it, one after the other.
    """
    outside = entries_from_outside()
    here = outside.pop("__main__", [])
    if here:
        console.print(
            f"{', '.join(here)}: defined in the main script, which worker processes do not run, so "
            "cells are run one after the other in this process; put it into a module of its own "
            "for several workers",
            style="yellow",
            markup=False,
        )
        yield from serial(job)
        return
    team = _Team(job, outside)
    try:
        yield from team.outcomes()
    finally:
        team.end()


@dataclass
class _At:
    """The cell that a worker runs, and whether it came to one at all."""

    run_id: str | None = None
    title: str | None = None
    came_to_a_cell: bool = False
    finished: bool = False


class _Team:
    """The workers of a job."""

    def __init__(self, job: Job, modules: Mapping[str, list[str]]) -> None:
        self._job = job
        self._modules = dict(modules)
        self._heard: SimpleQueue[tuple[Child, dict[str, Any] | None]] = SimpleQueue()
        self._workers: dict[Child, _At] = {}
        self._failed_starts = 0
        self._any_died = False
        self._said_waiting = False

    def outcomes(self) -> Iterator[Outcome]:
        say_who_is_at_work(self._job.folder)
        for _ in range(min(self._job.workers, self._job.cells) or 1):
            self._start()
        while self._workers:
            stop_if_asked()
            try:
                child, message = self._heard.get(timeout=_LOOK_S)
            except Empty:
                # a process that a worker has started may hold its pipe open
                for child in [one for one in self._workers if one.has_ended()]:
                    self._ended(child)
                continue
            if child not in self._workers:
                continue
            if message is None:
                self._ended(child)
                continue
            outcome = self._read(self._workers[child], message)
            if outcome is not None:
                yield outcome

    def end(self) -> None:
        end_all(self._workers)
        if self._workers or self._any_died:
            sweep_leftovers(self._job.folder)

    def _start(self) -> None:
        arguments = {
            "folder": str(self._job.folder),
            "resources": asdict(self._job.resources),
            "modules": self._modules,
        }
        with undisturbed():
            self._workers[Child(_RUN, arguments, self._heard)] = _At()

    def _read(self, at: _At, message: dict[str, Any]) -> Outcome | None:
        kind = message.pop("kind")
        if kind == "outcome":
            at.run_id = at.title = None
            return Outcome(**message)
        if kind == "cell":
            at.run_id, at.title, at.came_to_a_cell = message["run_id"], message["title"], True
            self._failed_starts = 0
        elif kind == "waiting":
            if not self._said_waiting:
                self._said_waiting = True
                say_waiting(self._job.folder, message["cells"])
        elif kind == "error":
            raise OodmlError(message["text"])
        else:
            at.finished = True
        return None

    def _ended(self, child: Child) -> None:
        """A worker is no more: replaced, unless its work was done or workers cannot even start."""
        at = self._workers.pop(child)
        how = child.end()
        if at.finished:
            return
        self._any_died = True
        if at.run_id is not None:
            note_end(self._job.folder, at.run_id, child.pid, how)
        if not at.came_to_a_cell:
            self._failed_starts += 1
            if self._failed_starts >= MOST_DEATHS:
                raise OodmlError(
                    f"{MOST_DEATHS} worker processes ended ({how}) before they could run a cell; "
                    "try executor serial, or fewer workers"
                )
        where = f" at {at.title}" if at.title else ""
        console.print(
            f"a worker died ({how}){where}; another one goes on", style="yellow", markup=False
        )
        self._start()


def run_worker(
    send: Send, folder: str, resources: dict[str, Any], modules: dict[str, list[str]]
) -> None:
    """What a worker process does: work, and tell its parent."""
    Registry.tell_broken = False
    try:
        for module, entries in modules.items():
            _import(module, entries)
        for outcome in work(
            Path(folder),
            Resources(**resources),
            on_start=lambda cell: send("cell", run_id=cell.run_id, title=cell.title),
            on_wait=lambda cells: send("waiting", cells=cells),
        ):
            send("outcome", **asdict(outcome))
    except BrokenPipeError:
        raise
    except OodmlError as error:
        send("error", text=failure_text(error))
    except Exception as error:  # outside of a cell: the disk is full, the folder was removed, ...
        send("error", text=f"a worker could not go on: {failure_text(error)}")
    else:
        send("end")


def _import(module: str, entries: list[str]) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:
        raise OodmlError(
            f"a worker process cannot import module {module!r}, which has {', '.join(entries)} "
            f"({failure_text(error)}); put it where Python finds it, or use executor serial"
        ) from error
