"""Several processes for the training of one cell: this one leads, the others it starts and ends."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import torch
from lightning_fabric import Fabric
from threadpoolctl import threadpool_limits

from oodml.core.child_main import Send
from oodml.core.children import Child, end_all
from oodml.core.errors import OodmlError, UsageError
from oodml.core.failure_text import failure_text
from oodml.core.interrupt import stop_if_asked, undisturbed
from oodml.core.registry import Registry, entries_from_outside
from oodml.runs.plan.cell import Cell
from oodml.runs.plan.methods import create_planned
from oodml.runs.plan.plan_file import read_plan
from oodml.runs.training_run import train_cell
from oodml.runs.workbench import Workbench
from oodml.training import TrainingSettings
from oodml.training.launch import free_port, one_of_several

_TRAIN = f"{__name__}:train_along"
# A process that fails takes the connection down, and its reason is on its way.
_REASON_S = 3.0
_LOOK_S = 1.0
Heard = SimpleQueue[tuple[Child, dict[str, Any] | None]]


@contextmanager
def several_processes(
    cell: Cell, bench: Workbench, folder: Path, checkpoint: Path
) -> Iterator[Fabric | None]:
    """The Fabric to train a cell with; None where it has one device.

    The other processes call `train_cell` alike from the benchmark's folder, and end with the block.

    Raises:
        OodmlError: another process failed; with its reason.
        UsageError: what the cell needs was registered in the main script.
    """
    if bench.devices == 1:
        yield None
        return
    modules = entries_from_outside()
    if "__main__" in modules:
        raise UsageError(
            f"{', '.join(modules['__main__'])}: defined in the main script, which other processes do "
            "not run; put it into a module of its own, or use one device"
        )
    port = free_port()
    heard: Heard = SimpleQueue()
    common: dict[str, Any] = {
        "folder": str(folder),
        "run_id": cell.run_id,
        "device": bench.device,
        "devices": bench.devices,
        "threads": torch.get_num_threads(),
        "port": port,
        "checkpoint": str(checkpoint),
        "modules": modules,
    }
    others: list[Child] = []
    try:
        for rank in range(1, bench.devices):
            with undisturbed():
                others.append(Child(_TRAIN, {**common, "rank": rank}, heard))
        # before they meet: who waits for one that is no more waits for good
        _wait_for("ready", len(others), heard)
        precision = TrainingSettings(**cell.training).precision
        with one_of_several(bench.device, precision, 0, bench.devices, port) as fabric:
            try:
                yield fabric
            except OodmlError:
                raise
            except Exception as error:
                # while they are still together: else they would fail for this one's sake
                _raise_for_another(error, heard)
                raise
    finally:
        end_all(others)


def _wait_for(kind: str, count: int, heard: Heard) -> None:
    """Until so many messages of a kind have come; OodmlError where a process failed."""
    while count:
        stop_if_asked()
        try:
            child, message = heard.get(timeout=_LOOK_S)
        except Empty:
            continue
        count -= _is(kind, child, message)


def _raise_for_another(error: Exception, heard: Heard) -> None:
    """OodmlError where another process failed, which has taken the connection down."""
    try:
        while True:
            child, message = heard.get(timeout=_REASON_S)
            _is("", child, message, error)
    except Empty:
        return


def _is(
    kind: str, child: Child, message: dict[str, Any] | None, cause: Exception | None = None
) -> bool:
    """Whether it is a message of this kind; OodmlError for one that tells of a failure."""
    if message is not None and message["kind"] == "error":
        raise OodmlError(f"another process of the training failed: {message['text']}") from cause
    if message is None:
        how = child.end()
        if how != "exit code 0":
            raise OodmlError(f"another process of the training ended ({how})") from cause
        return False
    return bool(message["kind"] == kind)


def train_along(
    send: Send,
    folder: str,
    run_id: str,
    device: str,
    devices: int,
    threads: int,
    port: int,
    checkpoint: str,
    modules: dict[str, list[str]],
    rank: int,
) -> None:
    """What another process does: its share of the training, and no more."""
    Registry.tell_broken = False
    torch.set_num_threads(threads)
    threadpool_limits(threads)
    try:
        for module in modules:
            importlib.import_module(module)
        plan = read_plan(Path(folder))
        cell = next(one for one in plan.cells if one.run_id == run_id)
        bench = Workbench.open(Path(folder), plan.setting(cell.setting), device, devices=devices)
        method = create_planned(cell.method, cell.hyper_parameters)
        precision = TrainingSettings(**cell.training).precision
        split = bench.split(cell)
        send("ready")
        with one_of_several(device, precision, rank, devices, port) as fabric:
            train_cell(cell, method, split, bench, Path(checkpoint), fabric=fabric)
    except Exception as error:  # a method may be anybody's code
        send("error", text=failure_text(error))
