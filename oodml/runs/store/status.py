"""How far a benchmark has come, read from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml.runs.plan.plan_file import read_plan
from oodml.runs.store.cells import CellStore
from oodml.runs.store.lease_files import working_on


def benchmark_status(folder: Path) -> dict[str, Any]:
    """Numbers of cells, done, running and open ones, and failed ones as a list of {title, reason}.

    A cell that is being tried again counts as running, not as failed.
    """
    store = CellStore(folder)
    at_work = working_on(folder)
    done, running, failed = 0, 0, []
    cells = read_plan(folder).cells
    for cell in cells:
        if store.is_done(cell.run_id):
            done += 1
        elif cell.run_id in at_work:
            running += 1
        elif (failure := store.failure(cell.run_id)) is not None:
            failed.append({"title": cell.title, "reason": failure["reason"]})
    return {
        "cells": len(cells),
        "done": done,
        "failed": failed,
        "running": running,
        "open": len(cells) - done - len(failed) - running,
    }
