"""How far a benchmark has come, read from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml.runs.plan.plan_file import read_plan
from oodml.runs.store.cells import CellStore
from oodml.runs.store.lease_files import working_on


def benchmark_status(folder: Path, *, verify: bool = False) -> dict[str, Any]:
    """Numbers of cells, done, running and open ones, and failed and damaged ones with the reason.

    A cell that is being tried again counts as running, not as failed. ``failed`` and ``damaged`` are lists
    of {title, reason}; a damaged cell's record does not hold, it counts as open too.

    Args:
        verify: read every file of every cell; else only those that were touched since.
    """
    store = CellStore(folder)
    at_work = working_on(folder)
    done, running, failed = 0, 0, []
    cells = read_plan(folder).cells
    damaged = store.damaged((cell.run_id for cell in cells), deep=verify)
    for cell in cells:
        if cell.run_id not in damaged and store.is_done(cell.run_id):
            done += 1
        elif cell.run_id in at_work:
            running += 1
        elif (failure := store.failure(cell.run_id)) is not None:
            failed.append({"title": cell.title, "reason": failure["reason"]})
    return {
        "cells": len(cells),
        "done": done,
        "failed": failed,
        "damaged": _with_titles(damaged, {cell.run_id: cell.title for cell in cells}),
        "running": running,
        "open": len(cells) - done - len(failed) - running,
    }


def _with_titles(reasons: dict[str, str], titles: dict[str, str]) -> list[dict[str, str]]:
    return [{"title": titles[run_id], "reason": reason} for run_id, reason in reasons.items()]
